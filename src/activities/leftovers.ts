/**
 * Ends what starts without an end have left running: never are two attempts of a step at work at once on a host.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMissing } from '../os/json-file.js';
import { lifeOf } from '../os/process-identity.mjs';
import { endTree } from '../tools/process/end-tree.js';
import {
  attemptFiles,
  forgetRunning,
  readOpening,
  runningFolder,
  stepFiles,
  writeClosing,
  type AttemptFiles,
  type Opening,
} from './attempt-files.js';
import { MachineTrouble } from './machine-trouble.js';

/** A killed process that stays waits for a disk or a network that does not answer. */
const KILL_LIMIT_MS = 10_000;
/** Between a start's entry and the number of its process: as long as it takes to start one. */
const START_LIMIT_MS = 2_000;

/**
 * Ends one start that has no end: closes it as lost, kills what is left of it and waits until that is gone.
 *
 * @throws MachineTrouble when a process survives
 */
export async function endLeftover(files: AttemptFiles): Promise<void> {
  const opening = readOpening(files.running);
  if (opening !== null) {
    // Before the kill: the worker of this start may live, and must not take the kill for the command's own end.
    closeAsLost(files, opening);
    const { process: identity, mark, mode } = await withProcess(files, opening);
    if (!(await endTree({ identity, mark, mode }, KILL_LIMIT_MS))) {
      throw new MachineTrouble(
        `process ${identity?.pid ?? '(number unknown)'} of an earlier attempt does not die, though it was killed ${KILL_LIMIT_MS / 1000} s ago`,
      );
    }
  }
  for (const log of [files.stdout, files.stderr]) rmSync(`${log}.pipe`, { force: true });
  forgetRunning(files);
}

function closeAsLost(files: AttemptFiles, { schedule, startedAt }: Opening): void {
  try {
    writeClosing(files, { format: 1, schedule, startedAt, end: { kind: 'lost' } });
  } catch (error) {
    if (!isMissing(error)) throw error; // the run was pruned: what runs must still end
  }
}

/** A worker that lives and has not yet said which process it started is just about to. */
async function withProcess(files: AttemptFiles, opening: Opening): Promise<Opening> {
  const limit = performance.now() + START_LIMIT_MS;
  let known = opening;
  while (known.process === null && lifeOf(known.worker) === 'alive' && performance.now() < limit) {
    await sleep(5);
    known = readOpening(files.running) ?? known;
  }
  return known;
}

export interface Sweep {
  /** How many starts were ended. */
  readonly ended: number;
  /** What could not be ended, in words. */
  readonly trouble: readonly string[];
}

/** Ends what workers of this host left running when they were killed. Attempts of workers that live are theirs. */
export async function sweepOrphans(home: string, host: string): Promise<Sweep> {
  const folder = runningFolder(home, host);
  const trouble: string[] = [];
  let ended = 0;
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const opening = readOpening(path);
    if (opening === null) removeIfOld(path);
    else if (lifeOf(opening.worker) === 'dead') {
      try {
        await endLeftover(attemptFiles(stepFiles(home, host, opening.runId, opening.step), opening.n));
        ended++;
      } catch (error) {
        if (!(error instanceof MachineTrouble)) throw error;
        trouble.push(`step "${opening.step}" of run "${opening.runId}": ${error.message}`);
      }
    }
  }
  return { ended, trouble };
}

/** An entry without content is one whose worker was killed before it could start anything, or is just being written. */
function removeIfOld(path: string): void {
  const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (written !== undefined && Date.now() - written > 60_000) rmSync(path, { force: true });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return []; // nothing was ever started here
    throw error;
  }
}
