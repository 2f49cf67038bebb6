/**
 * Keeps what a run came to, so that answers do not depend on how long the server remembers it.
 */
import { Context } from '@temporalio/activity';
import { recordLeg } from '../record/build-record.js';
import { legId } from '../workflows/api.js';
import type { WriteRecordTask } from './api.js';

/**
 * Returns the activity `writeRecord`: asks the workflow that called it, and writes its answer to the run directory.
 *
 * May run twice: it asks again and replaces the file.
 */
export const writeRecordIn =
  (home: string) =>
  async ({ runId, leg }: WriteRecordTask): Promise<void> => {
    await recordLeg(Context.current().client, home, legId(runId, leg));
  };
