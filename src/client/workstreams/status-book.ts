/**
 * The file in which statuses of workstreams are noted: read, and changed by one at a time.
 */
import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../../os/json-file.js';
import { withLock } from '../../os/lock.mjs';
import { writeShared } from '../../os/shared-file.js';
import { bookJson, noted, readBook, type StatusBook, type StatusNote } from '../../workstream/status.js';
import { PlanwrightError } from '../errors.js';

/** Where it is, in the repository: the place of the older tools, who read it too. */
export const STATUS_FILE = join('state', 'workstream_status.json');

/**
 * Returns what is noted; an empty book when there is no file.
 *
 * @throws PlanwrightError `bad-request` when the file is not one of statuses: it is not overwritten
 */
export async function readStatusBook(file: string): Promise<StatusBook> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return { notes: {}, others: {} };
    throw error;
  }
  const book = readBook(parsed(text.replace(/^\ufeff/, '')));
  if (book !== null) return book;
  throw new PlanwrightError('bad-request', `"${file}" is no file of statuses: it must be a JSON object`, [
    'mend it, or move it away: a new one is made',
  ]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** Adds notes: all of them or none. Others that do the same wait, and nothing that they write is lost. */
export async function noteStatuses(
  home: string,
  file: string,
  notes: readonly (StatusNote & { readonly id: string })[],
): Promise<void> {
  await withLock(await lockOf(home, file), 'noting the status of workstreams', async () => {
    const before = await readStatusBook(file);
    const book = notes.reduce(
      (all, { id, status, message, timestamp, actor, run }) =>
        noted(all, id, { status, message, timestamp, actor, run }),
      before,
    );
    await writeShared(file, `${JSON.stringify(bookJson(book), null, 2)}\n`);
  });
}

/** In the state directory: a lock is no part of the repository. Two names of one file have one lock. */
async function lockOf(home: string, file: string): Promise<string> {
  const name = await realpath(file).catch(() => file);
  return join(home, 'locks', `status-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`);
}
