/**
 * What a patch does not hold, in words: nothing that a tool wrote is left out in silence.
 */
import type { CapturedPatch } from '../../tools/git/capture-patch.js';
import type { Dropped, LeftOutReason } from '../../tools/git/evidence.js';
import { shownPath } from '../../tools/git/path-bytes.js';

const SHOWN = 5;
const MAX_PATH = 80;

/** In this order: first what a person would miss. The bytes of converted files are kept, and the files are in the patch. */
const WORDS: Readonly<Record<Exclude<LeftOutReason, 'converted' | 'special-file' | 'too-deep'>, string>> = {
  'nested-repository': 'in repositories inside it',
  submodule: 'in folders of submodules',
  included: 'that were copied in, and changed',
  'empty-directory': 'that are empty directories',
  ignored: 'that git ignores',
  litter: 'that its tool leaves lying about',
};

const WHY_DROPPED: Readonly<Record<Dropped['reason'], string>> = {
  'special-file': 'no files: pipes, sockets or devices',
  'too-deep': 'paths longer than the system opens',
  'too-large': 'too large to be kept',
  'too-many': 'more files than are kept',
  unreadable: 'they could not be read',
};

/** Returns a line for each kind of thing: how much, where, and whether it can be brought back. */
export function leftOutTexts({ leftOut, dropped }: Pick<CapturedPatch, 'leftOut' | 'dropped'>): string[] {
  const lost = dropped.map(
    ({ reason, count, paths }) => `not kept, ${WHY_DROPPED[reason]}: ${listed(count, paths)}`,
  );
  const kept = Object.entries(WORDS).flatMap(([reason, words]) => {
    const paths = leftOut.flatMap((one) => (one.reason === reason ? [one.path] : []));
    if (paths.length === 0) return [];
    const shown = reason === 'nested-repository' ? repositoriesIn(paths) : paths;
    const count = `${paths.length} ${paths.length === 1 ? 'path' : 'paths'} ${words}`;
    return [`kept beside the patch, ${count}: ${listed(shown.length, shown)}`];
  });
  return [...lost, ...kept];
}

/** The repositories themselves: their files are many. */
function repositoriesIn(paths: readonly string[]): string[] {
  const tops = paths.flatMap((path) => /^(.*)\/\.git(\/|$)/.exec(path)?.[1] ?? []);
  return tops.length === 0 ? [...paths] : [...new Set(tops)];
}

function listed(count: number, paths: readonly string[]): string {
  const names = paths.slice(0, SHOWN).map(shortPath);
  return `${names.join(', ')}${count > names.length ? ` and ${count - names.length} more` : ''}`;
}

/** Returns a path for a person, its middle left out where it is very long. */
export function shortPath(path: string): string {
  const shown = shownPath(path);
  return shown.length <= MAX_PATH ? shown : `${shown.slice(0, MAX_PATH / 2)}…${shown.slice(-MAX_PATH / 2)}`;
}
