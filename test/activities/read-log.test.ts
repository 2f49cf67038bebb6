import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogPiece } from '../../src/activities/api.js';
import { readLogIn } from '../../src/activities/read-log.js';
import { RUN, STEP, workshop, type Workshop } from './steps.js';

let shop: Workshop;
beforeEach(async () => {
  shop = await workshop();
  await shop.sh('printf 0123456789; head -c 2000000 /dev/zero >&2');
});
afterEach(() => shop.close());

const read = (path: string, from: number, maxBytes: number, runId = RUN): Promise<LogPiece> =>
  readLogIn(shop.home)({ runId, path, from, maxBytes });
const text = ({ gzip }: LogPiece): string => gunzipSync(Buffer.from(gzip, 'base64')).toString();
const out = `steps/${STEP}/1.stdout.log`;

test('a part of a log is read, from its beginning or from its end', async () => {
  const piece = await read(out, 3, 4);
  expect([text(piece), piece.from, piece.size]).toEqual(['3456', 3, 10]);
  const end = await read(out, -2, 100);
  expect([text(end), end.from]).toEqual(['89', 8]);
  expect(text(await read(out, -99, 100))).toBe('0123456789');
  expect(text(await read(out, 99, 100))).toBe('');
});

test('at most 512 KB come at once', async () => {
  const piece = await read(`steps/${STEP}/1.stderr.log`, 0, 10_000_000);
  expect(text(piece).length).toBe(512 * 1024);
  expect(piece.size).toBe(2_000_000);
});

test('a star stands for the attempt that was started last', async () => {
  for (const n of [2, 10]) writeFileSync(join(shop.directory, `${n}.stdout.log`), `attempt ${n}`);
  expect(text(await read(`steps/${STEP}/*.stdout.log`, 0, 100))).toBe('attempt 10');
  await expect(read('steps/none/*.stdout.log', 0, 9)).rejects.toMatchObject({ type: 'NoSuchLog' });
  await expect(read('*.stdout.log', 0, 9)).rejects.toMatchObject({ type: 'NoSuchLog' });
});

test('nothing else of the host can be read', async () => {
  const run = join(shop.home, 'runs', RUN);
  writeFileSync(join(run, 'secrets.json'), '{}');
  writeFileSync(join(run, 'x.stdout.log'), 'beside the steps');
  symlinkSync('/etc/passwd', join(shop.directory, '7.stdout.log'));
  execFileSync('mkfifo', [join(shop.directory, '8.stdout.log')]);
  mkdirSync(join(shop.directory, '9.stdout.log'));
  const paths = [
    'secrets.json',
    'x.stdout.log',
    `steps/${STEP}/1.json`,
    `steps/../secrets.json`,
    '/etc/passwd',
    `../../other/steps/${STEP}/1.stdout.log`,
    ...[7, 8, 9, 10].map((n) => `steps/${STEP}/${n}.stdout.log`),
  ];
  for (const path of paths) await expect(read(path, 0, 9), path).rejects.toMatchObject({ type: 'NoSuchLog' });
  await expect(read(out, 0, 9, '../x')).rejects.toThrow(RangeError);
});
