/**
 * What a long queue of jobs costs: `node scripts/run-ts.mjs bench/jobs.ts`. `JOBS` (2000) are queued, `PAST` (10000) have ended
 * before; `RUN` (24) of the queued ones are run for the order of their start. Prints one line for each figure.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listJobs, queueStats } from '../src/client/jobs/list-jobs.js';
import { prepareObject } from '../src/client/jobs/prepare-jobs.js';
import { submitJobs } from '../src/client/jobs/submit-jobs.js';
import { readJob } from '../src/client/jobs/read-job.js';
import { setWorkers } from '../src/client/jobs/workers.js';
import { openLink } from '../src/client/open-link.js';
import { PRIORITIES } from '../src/job/job.js';
import type { Priority } from '../src/plan/plan.js';
import { RUN_STATE, TOOL, WORKSTREAM } from '../src/workflows/attributes.js';
import { JOB_WORKFLOW, jobWorkflowId, queueWorkflowId, type JobMemo } from '../src/workflows/job-api.js';
import { Planwright } from './programs.js';

const count = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const [JOBS, PAST, RUN] = [count('JOBS', 2_000), count('PAST', 10_000), count('RUN', 24)];

const folder = mkdtempSync(join(tmpdir(), 'planwright-bench-jobs-'));
const home = join(folder, 'home');
const ours = new Planwright(home);
const tell = (what: string, value: number, unit: string): void =>
  console.log(`${what.padEnd(52)} ${value.toPrecision(3).padStart(8)} ${unit}`);

/** Seconds. */
async function timed<T>(work: () => Promise<T>): Promise<{ readonly took: number; readonly value: T }> {
  const before = performance.now();
  const value = await work();
  return { took: (performance.now() - before) / 1000, value };
}

const document = (id: string, script = 'true'): object => ({
  ...{ job_id: id, workstream_id: 'bench', tool: 'mechanical', env: {} },
  command: { exe: 'sh', args: ['-c', script] },
  paths: { repo_root: '.', working_dir: '.', log_file: `logs/${id}.log`, error_report: `logs/${id}.json` },
  metadata: { retry_policy: 'none' },
});

async function main(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const link = openLink({ env: ours.env });
  const prepare = async (
    ids: readonly string[],
    queue: string,
    priority: Priority,
    dependsOn: readonly string[] = [],
  ) => {
    const jobs = await Promise.all(
      ids.map((id) => prepareObject(document(id), { home, cwd: folder, queue, priority, dependsOn })),
    );
    return { queue, jobs: jobs.flatMap((one) => one.jobs), warnings: [] };
  };
  const ids = (name: string, many: number): string[] =>
    Array.from({ length: many }, (_, at) => `${name}-${at}`);
  try {
    await link.client();
    await link.ensureWorker();
    // One more, so that nothing is measured that happens only once.
    await submitJobs(link, await prepare(['warm'], 'warm', 'normal'));

    // The least urgent first, and of the others so few that all four are among those that are run.
    const few = Math.max(1, Math.floor(RUN / PRIORITIES.length));
    let submitting = 0;
    for (const priority of [...PRIORITIES].reverse()) {
      const many = priority === 'low' ? JOBS - few * (PRIORITIES.length - 1) : few;
      const batch = await prepare(ids(priority, many), 'bench', priority);
      submitting += (await timed(() => submitJobs(link, batch))).took;
    }
    tell(`submit, ${JOBS} jobs in 4 batches`, JOBS / submitting, 'jobs/s');
    const told = await (await link.client()).workflow.getHandle(queueWorkflowId('bench')).describe();
    tell('events of the queue until then', told.historyLength, '');
    const load = Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
    tell('load of the machine', load, '');
    const one = await prepare(['one-more'], 'bench', 'critical');
    tell('submit of one more', (await timed(() => submitJobs(link, one))).took * 1000, 'ms');
    const look = async (what: string): Promise<void> => {
      tell(`list of 100, ${what}`, (await timed(() => listJobs(link, 'bench'))).took * 1000, 'ms');
      tell(`stats, ${what}`, (await timed(() => queueStats(link, 'bench'))).took * 1000, 'ms');
    };
    await look(`${JOBS} queued`);

    // The queue must know them all: what is measured is the choice among them, not their arrival.
    const view = () => setWorkers(link, 'bench', { places: 0, graceful: true });
    const arrival = await timed(async () => {
      while ((await view()).queued < JOBS + 1) await sleep(500);
    });
    tell('until the queue knew the last of them', arrival.took, 's');
    await setWorkers(link, 'bench', { places: 1, graceful: true });
    const began = performance.now();
    const run = async () => (await readJob(link, 'bench', 'critical-0'))?.run_id ?? null;
    while ((await run()) === null) await sleep(20);
    tell(`time to start of the first of ${JOBS}`, performance.now() - began, 'ms');
    await submitJobs(link, await prepare(['urgent'], 'bench', 'critical'));
    while ((await queueStats(link, 'bench')).queue.completed < RUN) await sleep(200);
    await setWorkers(link, 'bench', { places: 0, graceful: true });
    const { jobs } = await listJobs(link, 'bench', { status: 'completed', limit: RUN * 2 });
    const starts = await Promise.all(jobs.map(({ job_id: id }) => readJob(link, 'bench', id)));
    const order = starts
      .sort((a, b) => (a!.started_at! < b!.started_at! ? -1 : 1))
      .map((job) => job!.priority);
    console.log(`order of start: ${order.join(' ')}`);

    if (PAST === 0) return;
    // What lists and counts read of jobs is what the server keeps of their workflows. These are started as jobs are, with all that is
    // known of one, on a queue that no worker serves, and ended by the server: 10,000 take minutes instead of an hour.
    const client = await link.client();
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let at = next++; at < PAST; at = next++) {
        const memo: JobMemo = {
          ...{ priority: 'normal', dependsOn: [], queuedAt: Date.now(), hash: 'h'.repeat(64), runsBefore: 0 },
          ...{ tool: 'mechanical', workstream: 'bench', run: null },
        };
        const handle = await client.workflow.start(JOB_WORKFLOW, {
          ...{ taskQueue: 'nobody', workflowId: jobWorkflowId('past', `past-${at}`), memo: { ...memo } },
          typedSearchAttributes: [
            { key: RUN_STATE, value: 'queued' },
            { key: TOOL, value: 'mechanical' },
            { key: WORKSTREAM, value: 'bench' },
          ],
        });
        await handle.terminate('of the past');
      }
    };
    await Promise.all(Array.from({ length: 16 }, lane));
    while ((await queueStats(link, 'past')).queue.cancelled < PAST) await sleep(500);
    for (const round of [1, 2, 3]) {
      const stats = await timed(() => queueStats(link, 'past'));
      tell(`stats, ${PAST} ended, round ${round}`, stats.took * 1000, 'ms');
      const list = await timed(() => listJobs(link, 'past'));
      tell(`list of 100, ${PAST} ended, round ${round}`, list.took * 1000, 'ms');
    }
    tell('load of the machine', Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]), '');
  } finally {
    await link.close();
    await ours.command('down', '--force').catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
