import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { clonesIn, sandbox, type Clones } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { drive } from './support/driver.js';
import { tool } from './support/program.js';

const box = sandbox();
afterEach(() => vi.unstubAllEnvs());

/** Clones that parted; a push takes more than one packet. */
function parted(): Clones {
  const made = clonesIn(box.folder());
  made.theirs.commit('theirs', { 't.txt': 't\n' });
  made.theirs.git('push', '--quiet');
  let noise = 1;
  const bytes = Uint8Array.from({ length: 200_000 }, () => (noise = (noise * 48_271) % 2_147_483_647) & 255);
  made.mine.commit('mine', { 'm.bin': Buffer.from(bytes) });
  return made;
}

type Moment = 'greeted' | 'sending' | 'done';

/**
 * ssh as a program of ours, to this machine, that dies with the program it runs there at a moment of the first push:
 * when the remote has said where it stands, in the middle of what is sent, or when the remote is done
 * but has not said so. `lasting`: nobody gets through afterwards, as long as that file is there.
 */
function dying(moment: Moment, lasting = false): { ssh: string; down: string } {
  const folder = box.folder();
  const [ssh, down, died] = ['ssh.mjs', 'down', 'died'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(
    ssh,
    `#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
const command = process.argv.at(-1);
if (existsSync('${down}')) { console.error('ssh: connect to host: Connection refused'); process.exit(255); }
const moment = command.includes('receive-pack') && !existsSync('${died}') ? '${moment}' : 'never';
const die = () => {
  writeFileSync('${died}', '');
  if (${String(lasting)}) writeFileSync('${down}', '');
  process.exit(255);
};
const child = spawn('sh', ['-c', 'exec ' + command], { stdio: ['pipe', 'pipe', 'inherit'] });
const dieWith = () => { child.once('exit', die); child.kill('SIGKILL'); };
let sent = 0;
process.stdin.on('data', (chunk) => {
  child.stdin.write(chunk);
  sent += chunk.length;
  if (moment === 'sending' && sent > 20_000) dieWith();
});
process.stdin.on('end', () => child.stdin.end());
child.stdin.on('error', () => undefined);
let greeting = Buffer.alloc(0);
let greeted = moment === 'never' || moment === 'sending';
child.stdout.on('data', (chunk) => {
  if (greeted && moment === 'done') return; // the answer is lost
  process.stdout.write(chunk);
  greeting = greeted ? greeting : Buffer.concat([greeting, chunk]);
  greeted ||= greeting.subarray(-4).toString() === '0000';
  if (greeted && moment === 'greeted') dieWith();
});
child.on('close', (code) => (moment === 'done' ? die() : moment === 'never' ? process.exit(code) : undefined));
`,
  );
  chmodSync(ssh, 0o755);
  return { ssh, down };
}

function over({ mine, remote }: Clones, ssh: string): void {
  mine.git('remote', 'set-url', 'origin', `ssh://host${remote.path}`);
  vi.stubEnv('GIT_SSH_COMMAND', ssh);
}

const isTogether = ({ mine, remote }: Clones): boolean =>
  mine.git('rev-parse', 'main') === remote.git('rev-parse', 'main');

test.each<[moment: Moment, attempts: number]>([
  ['greeted', 2],
  ['sending', 2],
  ['done', 1], // the look after the push finds it there
])('the remote dies %s: attempt %d ends merged', async (moment, attempts) => {
  const made = parted();
  over(made, dying(moment).ssh);
  const outcome = await drive({ root: made.mine.path });
  expect(outcome.state, outcome.said).toBe('succeeded');
  expect(outcome.steps['guarded_push']?.attempts).toBe(attempts);
  expect(isTogether(made)).toBe(true);
  for (const repo of [made.mine, made.remote]) expectHealthy(repo.path);
});

test('it took the push, and is gone before anybody could ask: that is said, nothing moves here, the next run sees', async () => {
  const made = parted();
  const { ssh, down } = dying('done', true);
  over(made, ssh);
  const before = snapshot(made.mine.path);
  const outcome = await drive({ root: made.mine.path });
  expect(outcome.steps['guarded_push']).toMatchObject({ state: 'failed', code: 1, attempts: 2 });
  const pushed = made.remote.git('rev-parse', 'main');
  expect(outcome.said).toMatch(`It may have taken ${pushed.slice(0, 10)} before`);
  expect(snapshot(made.mine.path)).toEqual(before);
  rmSync(down);
  const next = await drive({ root: made.mine.path });
  expect(next.state, next.said).toBe('succeeded');
  expect(isTogether(made)).toBe(true);
  expect(made.remote.git('rev-parse', 'main')).toBe(pushed); // it was not merged a second time
});

test('and who takes such a run back takes back what arrived', async () => {
  const made = parted();
  const { ssh, down } = dying('done', true);
  over(made, ssh);
  const was = made.theirs.git('rev-parse', 'main^{tree}');
  const outcome = await drive({ root: made.mine.path });
  expect(outcome.state).toBe('failed');
  rmSync(down);
  const ran = await tool(made.mine.path, ['rollback', outcome.runId]);
  expect(ran.code, ran.stderr).toBe(0);
  expect(made.remote.git('rev-parse', 'main^{tree}')).toBe(was);
});

test('but takes nothing back when it never arrived', async () => {
  const made = parted();
  const { ssh, down } = dying('greeted', true);
  over(made, ssh);
  const there = made.remote.git('rev-parse', 'main');
  const outcome = await drive({ root: made.mine.path });
  expect(outcome.state).toBe('failed');
  rmSync(down);
  const here = made.mine.commit('went on', { 'n.txt': 'n\n' });
  const ran = await tool(made.mine.path, ['rollback', outcome.runId]);
  expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('has moved nothing')]);
  expect([made.mine.git('rev-parse', 'main'), made.remote.git('rev-parse', 'main')]).toEqual([here, there]);
});

test('its own git was killed with the branch in hand: the lock it left is named, and whose it is to remove', async () => {
  const made = parted();
  const lock = join(made.remote.path, 'refs/heads/main.lock');
  writeFileSync(lock, '');
  const before = snapshot(made.mine.path);
  const outcome = await drive({ root: made.mine.path });
  expect(outcome.steps['guarded_push']).toMatchObject({ state: 'failed', code: 1, attempts: 2 });
  expect(outcome.said).toMatch(/remote_locked: [\s\S]*main\.lock[\s\S]*→ .*its owner removes the lock/);
  expect(snapshot(made.mine.path)).toEqual(before);
  expect(existsSync(lock)).toBe(true);
  rmSync(lock);
  expect((await drive({ root: made.mine.path })).state).toBe('succeeded');
});
