import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { clonesIn, sandbox, type Clones } from '../git/support/sandbox.js';
import { tool } from './support/program.js';

const box = sandbox();
let home: string;
beforeEach(() => {
  home = box.folder();
  vi.stubEnv('PLANWRIGHT_HOME', home);
});
afterEach(() => vi.unstubAllEnvs());

/** Clones whose branches parted, and a run that came as far as its merge and was never heard of again. */
async function broken(run: string): Promise<Clones> {
  const made = clonesIn(box.folder());
  made.mine.commit('mine', { 'mine.txt': 'm\n' });
  made.theirs.commit('theirs', { 'theirs.txt': 't\n' });
  made.theirs.git('push', '--quiet');
  for (const step of ['env_scan', 'git_fetch', 'git_merge'])
    expect((await tool(made.mine.path, [step, `--run=${run}`])).code).toBe(0);
  return made;
}

/** What the engine writes when a run has closed. */
function closed(run: string, head: object): void {
  const directory = join(home, 'runs', run);
  mkdirSync(directory, { recursive: true });
  const times = { createdAt: 1_700_000_000_000, endedAt: 1_700_000_090_000 };
  const leases = [{ name: 'repository:x', askedAt: 1_700_000_000_000, grantedAt: 1_700_000_012_000 }];
  const summary = {
    format: 1,
    head: { runId: run, failedStep: null, message: null, ...times, leases, ...head },
  };
  writeFileSync(join(directory, 'summary.json'), JSON.stringify(summary));
}

const nextScan = ({ mine }: Clones) => tool(mine.path, ['env_scan', '--run=next']);
const eventsOf = ({ mine }: Clones, run: string): Record<string, unknown>[] =>
  mine
    .read('.git/planwright/safe_merge/merge_events.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((event) => event['run'] === run);
const reportOf = ({ mine }: Clones, run: string, name: string): string =>
  join(mine.path, '.git/planwright/safe_merge', run, name);

test.each([
  ['canceled', { state: 'canceled', message: 'enough' }, 'canceled'],
  [
    'whose worker was lost',
    { state: 'failed', failedStep: 'guarded_push', message: 'worker lost' },
    'interrupted',
  ],
])('a run %s has its final event and its report when the next one begins, once', async (_, head, reason) => {
  const made = await broken('first');
  closed('first', head);
  expect((await nextScan(made)).code).toBe(0);
  const last = eventsOf(made, 'first').at(-1);
  expect(last).toMatchObject({
    phase_name: 'run_ended',
    status: 'failed',
    reason_code: reason,
    details: { state: head.state, duration_seconds: 90, lease: { waited_ms: 12_000 } },
  });
  expect(JSON.parse(readFileSync(reportOf(made, 'first', 'safe_merge_report.json'), 'utf8'))).toMatchObject({
    outcome: head.state,
    outcome_reason: reason,
  });
  const markdown = readFileSync(reportOf(made, 'first', 'SAFE_MERGE_REPORT.md'), 'utf8');
  expect(markdown).toContain(`# Safe merge first: ${head.state}`);
  expect(markdown).toContain(head.message);
  const many = eventsOf(made, 'first').length;
  expect((await nextScan(made)).code).toBe(0);
  expect(eventsOf(made, 'first')).toHaveLength(many);
});

test('nothing is said of a run that is open, nor of one that has said it itself', async () => {
  const made = await broken('open');
  const many = eventsOf(made, 'open').length;
  expect((await nextScan(made)).code).toBe(0);
  expect(eventsOf(made, 'open')).toHaveLength(many);
  expect(existsSync(reportOf(made, 'open', 'safe_merge_report.json'))).toBe(false);
  // It stops at its push, and says so.
  made.mine.write({ 'mine.txt': 'changed\n' });
  expect((await tool(made.mine.path, ['guarded_push', '--run=open'])).code).not.toBe(0);
  closed('open', { state: 'failed', failedStep: 'guarded_push' });
  made.mine.git('checkout', '--quiet', '.');
  expect((await nextScan(made)).code).toBe(0);
  expect(eventsOf(made, 'open').filter((event) => event['phase_name'] === 'run_ended')).toEqual([]);
});

test('phases and the end of a run say how long it waited for its lease', async () => {
  const made = clonesIn(box.folder());
  vi.stubEnv('PLANWRIGHT_LEASE_WAITED_MS', '4200');
  expect((await tool(made.mine.path, ['env_scan', '--run=first'])).code).toBe(0);
  await tool(made.mine.path, ['emit_success_event', '--run=first']);
  const waits = eventsOf(made, 'first').map(({ details }) => (details as { lease: unknown }).lease);
  expect(waits).toEqual([{ waited_ms: 4200 }, { waited_ms: 4200 }]);
});
