/**
 * Resolutions of earlier merges, to be used again where the same lines meet: what `git rerere` does, without a work tree
 * and with a store that belongs to the person, not to the clone.
 */
import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../git/atomic-file.js';
import type { Objects } from '../git/objects.js';
import { readMarked } from './marked-text.js';

/** A conflict and how it was resolved. */
export interface Lesson {
  /** The text with marks. */
  readonly marked: string;
  readonly resolved: string;
}

/** Tells whether a report holds a lesson here. */
export const isLesson = (value: unknown): value is Lesson => {
  const { marked, resolved } = (value ?? {}) as Partial<Lesson>;
  return typeof marked === 'string' && typeof resolved === 'string';
};

const storeIn = (home: string): string => join(home, 'safe-merge', 'resolutions');

/**
 * Returns the text that an earlier resolution makes of this one, or null when there is none that fits.
 *
 * @param directory - for temporary files
 * @param home - the state directory
 */
export async function recall(
  objects: Objects,
  directory: string,
  home: string,
  text: string,
): Promise<string | null> {
  const marked = readMarked(text);
  if (marked === null) return null;
  const entry = join(storeIn(home), marked.key);
  let lesson: { readonly before: string; readonly after: string };
  try {
    lesson = JSON.parse(await readFile(`${entry}.json`, 'utf8')) as typeof lesson;
  } catch {
    return null;
  }
  // What changed around the conflict since is merged with what was made of it.
  await touch(`${entry}.json`);
  const files = { current: marked.image, before: lesson.before, after: lesson.after };
  const paths = await Promise.all(
    Object.entries(files).map(async ([name, content]) => {
      const path = join(directory, name);
      await writeFile(path, content);
      return path;
    }),
  );
  const answer = await objects.git(['merge-file', '-p', '-q', ...paths], { accept: range(0, 255) });
  return answer.exitCode === 0 ? answer.stdout.toString('utf8') : null;
}

/** Keeps resolutions for the next time. */
export async function remember(home: string, lessons: readonly Lesson[]): Promise<void> {
  for (const { marked: text, resolved } of lessons) {
    const marked = readMarked(text);
    if (marked === null) continue;
    const lesson = JSON.stringify({ before: marked.image, after: resolved });
    await writeAtomically(join(storeIn(home), `${marked.key}.json`), lesson);
  }
  if (lessons.length > 0) await forgetUnused(home, Date.now());
}

/** Resolutions that nobody used for so long are forgotten … */
const KEEP_MS = 365 * 24 * 60 * 60 * 1000;
/** … and all but the last used of them. */
const KEEP_COUNT = 1000;

/** Forgets resolutions that were not used for long; returns how many. */
export async function forgetUnused(home: string, now: number): Promise<number> {
  const store = storeIn(home);
  const names = (await readdir(store).catch(() => [])).filter((name) => name.endsWith('.json'));
  const used = await Promise.all(
    names.map(async (name) => {
      const stats = await stat(join(store, name)).catch(() => null);
      return { name, at: stats?.mtimeMs ?? 0 };
    }),
  );
  const unused = used
    .sort((one, other) => other.at - one.at)
    .filter(({ at }, index) => index >= KEEP_COUNT || now - at > KEEP_MS);
  for (const { name } of unused) await rm(join(store, name), { force: true });
  return unused.length;
}

/** Notes that it was of use. */
async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined); // then it is forgotten a little sooner
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
