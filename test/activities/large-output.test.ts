import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openGroups } from '../../src/tools/process/group.js';
import { openNamespaces } from '../../src/tools/process/namespace.js';
import { attemptsIn, failureIn, shell, workshop, type Workshop } from './steps.js';

const GIGABYTE = 1_000_000_000;
const MEGABYTE = 1_000_000;

/** Returns the most memory this process had while `work` was done, above what it had before. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
  await work();
  clearInterval(watch);
  return most - before;
}

describe.each([
  ['namespace', () => openNamespaces('/usr/bin/perl')],
  ['group', async () => openGroups('a test')],
] as const)('output without end (%s)', (_, open) => {
  let shop: Workshop;
  beforeEach(
    async () =>
      void (shop = await workshop(
        { env: { PATH: process.env['PATH'], PLANWRIGHT_SECRET_TOKEN: 'abcdefgh' } },
        open,
      )),
  );
  afterEach(() => shop.close());

  test("of 1 GB leaves the worker's memory flat, and is kept byte by byte", async () => {
    const grown = await growth(async () => {
      const told = await shop.sh(`head -c ${GIGABYTE} /dev/zero; echo the end >&2; exit 1`);
      expect(failureIn(told)).toMatchObject({ exitCode: 1, tail: 'the end' });
      expect(attemptsIn(told)[0]?.logs).toMatchObject({ stdoutBytes: GIGABYTE, stderrBytes: 8 });
    });
    expect(statSync(join(shop.directory, '1.stdout.log')).size).toBe(GIGABYTE);
    expect(grown).toBeLessThan(30 * MEGABYTE);
  });

  test('is waited for with its tail, though it is one line', async () => {
    const told = await shop.sh(`head -c ${100 * MEGABYTE} /dev/zero | tr "\\0" x; printf last; exit 1`);
    const failure = failureIn(told);
    expect('tail' in failure && failure.tail.length).toBe(4096);
    expect('tail' in failure && failure.tail.endsWith('xlast')).toBe(true);
  });

  test('with secrets in it passes through a small part of the memory', async () => {
    const work = shell(`head -c ${200 * MEGABYTE} /dev/zero; printf "$TOKEN"`, {
      env: { TOKEN: '${TOKEN}' },
    });
    const grown = await growth(async () => {
      const told = await shop.run({ secrets: ['TOKEN'], work });
      expect(attemptsIn(told)[0]?.logs?.stdoutBytes).toBe(200 * MEGABYTE + 3);
    });
    expect(grown).toBeLessThan(150 * MEGABYTE);
  });
});
