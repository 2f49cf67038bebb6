import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lifeOf } from '../../src/os/process-identity.mjs';
import { ensureServer } from '../../src/server/embedded.js';
import type { ServerRecord } from '../../src/server/server-record.js';
import { until } from '../support/processes.js';
import { aHome } from './a-home.js';

/** Stops it as a hanging disk or a debugger would: it lives and does nothing. */
async function freeze({ process: { pid } }: ServerRecord): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await until('it stands still', () => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') T '));
}

test('a server that hangs for a moment is waited for', async () => {
  const home = await aHome();
  const before = await ensureServer(home);
  await freeze(before);
  const found = ensureServer(home);
  await until('it is missed', () => home.told.some((line) => line.includes('does not answer')));
  process.kill(before.process.pid, 'SIGCONT');
  expect((await found).process).toEqual(before.process);
});

test('a server that hangs for good is replaced', async () => {
  const home = await aHome();
  const before = await ensureServer(home);
  await freeze(before);
  const after = await ensureServer(home);
  expect(lifeOf(before.process)).toBe('dead');
  expect(after.namespaceId).toBe(before.namespaceId);
  expect(home.told.join('\n')).toContain('started anew');
});
