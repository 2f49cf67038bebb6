/**
 * Where checkpoints lie: in the repository's git directory, which all hosts that work on it share.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileNameOf } from './names.js';
import type { Repository } from './repository.js';

/** Returns the folder of a run's checkpoints. */
export const checkpointsFolder = ({ commonDir }: Pick<Repository, 'commonDir'>, runId: string): string =>
  join(commonDir, 'planwright', 'checkpoints', fileNameOf(runId));

/** Removes what a run left of them: hosts that died before they could. */
export const forgetCheckpoints = (repository: Pick<Repository, 'commonDir'>, runId: string): Promise<void> =>
  rm(checkpointsFolder(repository, runId), { recursive: true, force: true });
