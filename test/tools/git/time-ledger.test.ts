import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addNote, readNotes } from '../../../src/tools/git/time-ledger.js';

interface Note {
  readonly at: number;
  readonly text: string;
}

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planwright-ledger-'));
  path = join(folder, 'below', 'ledger.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const add = (at: number, text = 'x'): Promise<void> => addNote<Note>(path, { at, text }, (note) => note.at);
const DAY = 24 * 3_600_000;

test('what nobody can ask for any more goes when the file has become long, and nothing else', async () => {
  const now = Date.now();
  await add(now, 'first');
  const old = `${JSON.stringify({ at: now - 9 * DAY, text: 'x'.repeat(1_000) })}\n`;
  writeFileSync(path, old.repeat(300) + readFileSync(path, 'utf8') + '{"torn');
  writeFileSync(path, '\n', { flag: 'a' });
  await add(now - 7 * DAY, 'a week ago');
  expect((await readNotes<Note>(path)).map(({ text }) => text)).toEqual(['first', 'a week ago']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(existsSync(`${path}.new`)).toBe(false);
});

test('a long file of what may still be asked for stays whole', async () => {
  const now = Date.now();
  await add(now);
  writeFileSync(path, `${JSON.stringify({ at: now, text: 'x'.repeat(1_000) })}\n`.repeat(400));
  await add(now);
  expect(await readNotes(path)).toHaveLength(401);
});

test('a file that is not there has no notes', async () => {
  expect(await readNotes(path)).toEqual([]);
});
