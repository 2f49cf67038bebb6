import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holdToLeases } from '../../../src/tools/safe-merge/fence.js';
import type { Context } from '../../../src/tools/safe-merge/tool.js';

let home: string;
beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'planwright-fence-'))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

const LEASE = 'repository:example.org/a#main';
const target = { branch: 'main' } as Context['target'];
const come = (leases: unknown): Promise<void> =>
  holdToLeases({
    env: {
      PLANWRIGHT_HOME: home,
      PLANWRIGHT_LEASES: typeof leases === 'string' ? leases : JSON.stringify(leases),
    },
    target,
  });

test('who was given the lease later keeps out who comes back late, and comes through again itself', async () => {
  await come({ [LEASE]: 7 });
  await come({ [LEASE]: 9 });
  await expect(come({ [LEASE]: 7 })).rejects.toMatchObject({
    stop: { exitCode: 2, problems: [{ code: 'fenced' }] },
  });
  await come({ [LEASE]: 9 });
});

test('each lease has numbers of its own; those that are no repository do not count', async () => {
  await come({ [LEASE]: 9 });
  await come({ 'repository:example.org/b#main': 1 });
  await come({ [LEASE]: 9, gpu: 1 });
});

test('without leases, or with a text that is none of ours, nothing is kept out', async () => {
  await come({ [LEASE]: 9 });
  await holdToLeases({ env: { PLANWRIGHT_HOME: home }, target });
  for (const odd of ['', 'no json', 'null', '[]', '{"repository:x#y":"9"}']) await come(odd);
});
