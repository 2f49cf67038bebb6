/**
 * Small pieces of sentences.
 */
import { shownPath } from '../git/path-bytes.js';

const SHOWN = 5;

/** Returns some paths for a message: `"a", "b" and 3 more`. */
export function listed(paths: readonly string[]): string {
  const shown = paths.slice(0, SHOWN).map((path) => `"${shownPath(path)}"`);
  const more = paths.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

/** Returns `1 file`, `3 files`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** Returns a commit's id as people quote it. */
export const short = (id: string): string => id.slice(0, 10);
