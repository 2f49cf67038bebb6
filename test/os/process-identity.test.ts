import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { identityOf, lifeOf, ownIdentity, signalTo } from '../../src/os/process-identity.mjs';

test('a process is alive until it ends', async () => {
  const child = spawn('sleep', ['600']);
  const identity = identityOf(child.pid ?? 0);
  if (identity === null) throw new Error('sleep did not start');
  expect(lifeOf(identity)).toBe('alive');
  expect(signalTo(identity, 'SIGTERM')).toBe(true);
  await once(child, 'exit');
  expect(lifeOf(identity)).toBe('dead');
  expect(signalTo(identity, 'SIGTERM')).toBe(false);
});

test('a later process with the same number is another one, and gets no signal', () => {
  const earlier = { ...ownIdentity(), startedAt: '1' };
  expect(lifeOf(earlier)).toBe('dead');
  expect(signalTo(earlier, 'SIGKILL')).toBe(false); // else this test would not end
});

test('a process of an earlier running of the machine is dead', () => {
  expect(lifeOf({ ...ownIdentity(), boot: 'another' })).toBe('dead');
});

test('a process of another PID namespace cannot be judged, and gets no signal', () => {
  const elsewhere = { ...ownIdentity(), namespace: 'pid:[1]' };
  expect(lifeOf(elsewhere)).toBe('unknown');
  expect(signalTo(elsewhere, 'SIGKILL')).toBe(false);
});

test('no process, no identity', () => {
  expect(identityOf(2 ** 30)).toBeNull();
});
