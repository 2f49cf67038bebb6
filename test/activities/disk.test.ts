import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openGroups } from '../../src/tools/process/group.js';
import { openNamespaces } from '../../src/tools/process/namespace.js';
import type { STEP } from './steps.js';
import { failureIn, shell, workshop, type Workshop } from './steps.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('SKIPPED: the tests of a full disk need root, to mount a small file system');

describe.runIf(isRoot).each([
  ['namespace', () => openNamespaces('/usr/bin/perl')],
  ['group', async () => openGroups('a test')],
] as const)('on a full disk (%s)', (_, open) => {
  let disk: string;
  let shop: Workshop;
  beforeEach(async () => {
    disk = mkdtempSync(join(tmpdir(), 'planwright-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'none', disk]);
    shop = await workshop({ home: join(disk, 'home') }, open);
  });
  afterEach(async () => {
    await shop.close();
    // Who had it open may need a moment to end.
    await vi.waitFor(() => execFileSync('umount', [disk], { stdio: 'ignore' }), { timeout: 120_000 });
    rmSync(disk, { recursive: true });
  });
  const fill = (): void => {
    try {
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(2 * 1024 * 1024));
    } catch {
      // That was the purpose.
    }
  };

  test('nothing is started: tried again, uncounted, until there is space', async () => {
    fill();
    const first = shop.start({ work: shell(`touch ${shop.root}/ran`) });
    expect(await first.told).toMatchObject({
      failure: {
        type: 'MachineTrouble',
        message: expect.stringContaining('disk full') as string,
        nonRetryable: false,
      },
    });
    expect(() => statSync(`${shop.root}/ran`)).toThrow('ENOENT');
    rmSync(join(disk, 'ballast'));
    const second = await shop.run(
      { work: shell(`touch ${shop.root}/ran`) },
      { attempt: 2, heartbeatDetails: first.beats.at(-1) },
    );
    expect(second).toMatchObject({ kind: 'done', done: { attempts: [{ number: 1 }] } });
  });

  test('and still full after ten tries, the step fails: disk full', async () => {
    fill();
    const told = await shop.run(
      {},
      { attempt: 11, heartbeatDetails: { endings: 0, excused: 10, attempts: [] } },
    );
    expect(failureIn(told)).toMatchObject({
      reason: 'infrastructure',
      message: expect.stringMatching(/^disk full/) as string,
    });
    expect(told).toMatchObject({ failure: { type: 'StepFailed', nonRetryable: true } });
  });

  test('a command that fails over its own log failed for want of space', async () => {
    const told = await shop.sh('head -c 3000000 /dev/zero || exit 5');
    expect(failureIn(told)).toEqual({
      reason: 'infrastructure',
      message: expect.stringMatching(
        /^disk full: \d+ bytes are left where ".*" is; the command ended with exit code 5$/,
      ) as string,
    });
  });

  test('and one with secrets, whose log the worker writes, does not hang', async () => {
    mkdirSync(shop.home, { recursive: true });
    writeFileSync(join(shop.home, 'secrets.json'), '{"TOKEN":"12345678"}', { mode: 0o600 });
    const told = await shop.run({
      secrets: ['TOKEN'],
      work: { command: 'yes', args: ['x'.repeat(1000)], env: { T: '${TOKEN}' } },
    });
    expect(failureIn(told)).toEqual({
      reason: 'infrastructure',
      message: expect.stringMatching(/^disk full: .*the command was ended by SIGPIPE$/) as string,
    });
  });

  test('a command that succeeds has succeeded, though nothing can be noted of it', async () => {
    const told = await shop.sh(`head -c 3000000 /dev/zero 2>/dev/null; exit 0`);
    expect(told.kind).toBe('done');
    expect(statSync(join(shop.directory, '1.stdout.log')).size).toBeGreaterThan(500_000);
    // With space again the step's neighbours go on.
    rmSync(join(shop.directory, '1.stdout.log'));
    expect((await shop.sh('true', { step: 'next' as typeof STEP })).kind).toBe('done');
  });
});
