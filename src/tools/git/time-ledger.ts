/**
 * A file of notes with times, a line each, that does not grow for ever. Whoever writes holds a lock on it.
 */
import { appendFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissing } from '../../os/json-file.js';

/** Smaller, and it is not worth a look. */
const MIN_BYTES = 256 * 1024;
/** A step takes at most 7 days: no tool at work asks for what is older than this. */
const KEPT_MS = 8 * 24 * 3_600_000;

/**
 * Adds a note; when the file has become long, those that nobody can ask for any more go.
 *
 * @param timeOf - when what a note tells of was over
 */
export async function addNote<Note>(path: string, note: Note, timeOf: (note: Note) => number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await appendFile(path, `${JSON.stringify(note)}\n`, { mode: 0o600 });
  if ((await stat(path)).size < MIN_BYTES) return;
  const notes = await readNotes<Note>(path);
  const kept = notes.filter((one) => timeOf(one) >= Date.now() - KEPT_MS);
  if (kept.length > notes.length / 2) return; // soon enough
  const fresh = `${path}.new`;
  await writeFile(fresh, kept.map((one) => `${JSON.stringify(one)}\n`).join(''), { mode: 0o600 });
  await rename(fresh, path);
}

/** Returns the notes of a file, oldest first; none when there is no file. */
export async function readNotes<Note>(path: string): Promise<Note[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  return text.split('\n').flatMap((row) => {
    try {
      return [JSON.parse(row) as Note];
    } catch {
      return []; // the last one of a process that was killed, or the empty end
    }
  });
}
