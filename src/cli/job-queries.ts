/**
 * `planwright job status`, `list`, `stats` and `cancel`.
 */
import { cancelJob } from '../client/jobs/cancel-job.js';
import { listJobs, queueStats, type ListedJob } from '../client/jobs/list-jobs.js';
import { readJob, type JobStatus } from '../client/jobs/read-job.js';
import { PlanwrightError } from '../client/errors.js';
import { currentActor } from '../client/start-plan.js';
import { JOB_STATES, type JobState } from '../job/job.js';
import { paintOf, print, printJson, tellTo, withLink } from './command.js';
import type { QueueFlags } from './commands/job.js';
import { UsageError } from './errors.js';
import type { Paint } from './paint.js';
import { oneLine } from './text/neutralise.js';
import { table } from './text/table.js';
import { count, localTime, plural } from './text/time.js';
import { pad } from './text/width.js';
import type { ExitCode, World } from './world.js';

/** Shows one job; one that nobody knows is 1. */
export async function showJob(
  world: World,
  id: string | undefined,
  { queue, json }: QueueFlags,
): Promise<ExitCode> {
  if (id === undefined) throw new UsageError('which job is to be shown?', ['planwright job status <id>']);
  return withLink(world, async (link) => {
    const job = await readJob(link, queue, id);
    if (json) printJson(world, job ?? { job_id: id, status: 'not_found', queue });
    else if (job === null) tellTo(world)(`there is no job "${id}" in the queue "${queue}"`);
    else print(world, ...statusLines(job, paintOf(world)));
    return job === null ? 1 : 0;
  });
}

function statusLines(job: JobStatus, paint: Paint): string[] {
  const rows: readonly (readonly [string, string | null])[] = [
    ['tool', job.tool],
    ['workstream', job.workstream_id],
    ['priority', job.priority],
    ['waits for', job.depends_on.length === 0 ? null : job.depends_on.join(', ')],
    ['retries', job.retry_count === 0 ? null : String(job.retry_count)],
    ['exit code', job.exit_code === null ? null : exitText(job.exit_code)],
    ['escalated to', job.escalated_to],
    ['run', job.run_id],
  ];
  return [
    `${paint.bold(job.job_id)}  ${stateColour(paint, job.status)(job.status)}${job.error === null ? '' : `: ${oneLine(job.error)}`}`,
    ...rows.flatMap(([name, value]) => (value === null ? [] : [`  ${pad(name, 13)}${oneLine(value)}`])),
    ...job.events.map(({ at, state, reason }) =>
      paint.dim(`  ${localTime(at)}  ${state}${reason === null ? '' : `: ${oneLine(reason)}`}`),
    ),
  ];
}

const exitText = (code: number): string =>
  code === -1 ? '-1 (its time was up)' : code === -2 ? '-2 (nothing could be started)' : String(code);

export async function listQueue(
  world: World,
  { queue, json, status, limit }: QueueFlags & { readonly status?: JobState; readonly limit: number },
): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const {
      jobs,
      total,
      in_order: inOrder,
    } = await listJobs(link, queue, { limit, ...(status === undefined ? {} : { status }) });
    if (!inOrder)
      tellTo(world)('the queue is busy and did not say which jobs come first: these are some of them');
    if (json) printJson(world, { jobs, total, in_order: inOrder });
    else if (jobs.length === 0) tellTo(world)(status === undefined ? 'no jobs' : `no job is ${status}`);
    else print(world, ...listLines(world, jobs), totalLine(jobs.length, total));
    return 0;
  });
}

const totalLine = (shown: number, total: number): string =>
  shown < total ? `${count(shown)} of ${plural(total, 'job')}` : plural(total, 'job');

function listLines(world: World, jobs: readonly ListedJob[]): string[] {
  const paint = paintOf(world);
  const width = world.out.isTerminal ? world.out.size().columns : Infinity;
  const rows = jobs.map((job) => [
    { text: job.job_id },
    { text: job.priority },
    { text: job.status, paint: stateColour(paint, job.status) },
    { text: localTime(job.queued_at) },
    { text: oneLine(job.tool) },
    { text: oneLine(job.workstream_id), flexible: true },
  ]);
  return table(['JOB', 'PRIORITY', 'STATUS', 'QUEUED AT', 'TOOL', 'WORKSTREAM'], rows, width, paint);
}

export async function printStats(world: World, { queue, json }: QueueFlags): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const stats = await queueStats(link, queue);
    if (json) {
      printJson(world, stats);
      return 0;
    }
    const paint = paintOf(world);
    const { workers } = stats;
    print(
      world,
      workers.running
        ? `${paint.bold(queue)}  ${workers.active_workers} of ${plural(workers.worker_count, 'worker')} busy`
        : `${paint.bold(queue)}  workers stopped${workers.active_workers > 0 ? `, ${plural(workers.active_workers, 'job')} at work` : ''}`,
      ...[...JOB_STATES, 'total' as const].map((state) => `  ${pad(state, 11)}${count(stats.queue[state])}`),
    );
    return 0;
  });
}

/** Cancels jobs; 1 when one of them could not be. */
export async function cancelJobs(
  world: World,
  ids: readonly string[],
  { queue, json, reason }: QueueFlags & { readonly reason: string },
): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const answers = [];
    for (const id of ids) {
      const why = await cancelJob(link, queue, id, { reason, actor: currentActor() }).then(
        (answer) => (answer.canceled ? null : 'it has ended already'),
        (error: unknown) => {
          if (error instanceof PlanwrightError && error.code === 'no-such-job') return 'there is no such job';
          throw error;
        },
      );
      answers.push({ job_id: id, cancelled: why === null, reason: why });
      if (json) continue;
      if (why === null) print(world, `cancelled ${id}`);
      else tellTo(world)(`job "${id}" cannot be cancelled: ${why}`);
    }
    if (json) printJson(world, answers);
    return answers.every(({ cancelled }) => cancelled) ? 0 : 1;
  });
}

function stateColour(paint: Paint, state: JobState): (text: string) => string {
  switch (state) {
    case 'completed':
      return paint.green;
    case 'failed':
      return paint.red;
    case 'running':
      return paint.blue;
    case 'retry':
    case 'escalated':
    case 'cancelled':
      return paint.yellow;
    case 'queued':
    case 'waiting':
      return paint.dim;
    default:
      return state satisfies never;
  }
}
