/**
 * `planwright job workers` and `wait`: jobs at work, as long as somebody looks on.
 */
import type { Link } from '../client/link.js';
import { idle } from '../client/jobs/idle.js';
import { queueStats, type QueueStats } from '../client/jobs/list-jobs.js';
import { readJob } from '../client/jobs/read-job.js';
import { endedBadly, noteWaited, waitedUntil } from '../client/jobs/waited.js';
import { setWorkers, waitUntilEmpty } from '../client/jobs/workers.js';
import { DEFAULT_QUEUE, isFinal } from '../job/job.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { print, printJson, printJsonLine, tellTo, withLink } from './command.js';
import type { QueueFlags, WorkersFlags } from './commands/job.js';
import { UsageError } from './errors.js';
import { openProgress, type JobProgress } from './job-progress.js';
import { oneLine } from './text/neutralise.js';
import { localTime, plural } from './text/time.js';
import type { ExitCode, World } from './world.js';

/** What a command that is to be typed needs beside, to be about this queue. */
export const ofQueue = (queue: string): string => (queue === DEFAULT_QUEUE ? '' : ` --queue ${queue}`);

const LOOK_MS = 500;

/** Starts or stops the workers of a queue; in the foreground it looks on until Ctrl-C. */
export async function runWorkers(world: World, flags: WorkersFlags): Promise<ExitCode> {
  const { queue, json, count, stop, now, detach } = flags;
  if (now && !stop) throw new UsageError('"--now" says how to stop: give "--stop" with it');
  return withLink(world, async (link) => {
    if (stop) return stopWorkers(world, link, flags);
    await setWorkers(link, queue, { places: count, graceful: true, ...waitsOf(flags) });
    if (detach) {
      if (json) printJson(world, { queue, workers: count, running: true });
      else
        print(
          world,
          `${plural(count, 'worker')} started for the queue "${queue}"`,
          `  stop them: planwright job workers --stop${ofQueue(queue)}`,
        );
      return 0;
    }
    const leaving = new AbortController();
    let presses = 0;
    const forget = world.onInterrupt(() => {
      presses += 1;
      leaving.abort();
    });
    const progress = openProgress(world, { queue, json });
    progress.say(
      `${plural(count, 'worker')} started for the queue "${queue}"; Ctrl-C stops them, and with --detach they go on by themselves`,
    );
    try {
      while (!leaving.signal.aborted) {
        progress.take(await queueStats(link, queue));
        await sleep(LOOK_MS, undefined, { signal: leaving.signal }).catch(() => undefined);
      }
      return await endGracefully(world, link, queue, progress, () => presses > 1);
    } finally {
      progress.close();
      forget();
    }
  });
}

/** After Ctrl-C: no other job starts, those at work end. A second Ctrl-C leaves them to themselves. */
async function endGracefully(
  world: World,
  link: Link,
  queue: string,
  progress: JobProgress,
  isLeft: () => boolean,
): Promise<ExitCode> {
  await setWorkers(link, queue, { places: 0, graceful: true });
  progress.say('stopping: jobs at work end, no other starts; Ctrl-C again leaves them to themselves');
  const leaving = new AbortController();
  const watch = setInterval(() => {
    if (isLeft()) leaving.abort();
  }, 100);
  try {
    const isIdle = await idle(await link.client(), queue, leaving.signal);
    progress.take(await queueStats(link, queue));
    if (!isIdle) tellTo(world)('jobs at work go on; no other starts');
    return 0;
  } finally {
    clearInterval(watch);
  }
}

async function stopWorkers(world: World, link: Link, { queue, json, now }: WorkersFlags): Promise<ExitCode> {
  const before = await queueStats(link, queue);
  await setWorkers(link, queue, { places: 0, graceful: !now });
  if (!json && before.workers.active_workers > 0)
    tellTo(world)(
      `${plural(before.workers.active_workers, 'job')} at work: ${now ? 'ended, and back in the queue' : 'waiting for the end'}`,
    );
  await idle(await link.client(), queue);
  if (json) printJson(world, { queue, workers: 0, running: false });
  else print(world, `the workers of the queue "${queue}" are stopped`);
  return 0;
}

const waitsOf = ({ ageing, unknownAfter }: WorkersFlags) => ({
  ...(ageing === undefined ? {} : { ageingMs: ageing * 1000 }),
  ...(unknownAfter === undefined ? {} : { unknownMs: unknownAfter * 1000 }),
});

/** Waits for all jobs, or for some; 1 when one of them did not complete. */
export async function waitForJobs(
  world: World,
  ids: readonly string[],
  { queue, json }: QueueFlags,
): Promise<ExitCode> {
  world.goOnUnread();
  return withLink(world, async (link) => {
    const leaving = new AbortController();
    const forget = world.onInterrupt(() => leaving.abort());
    const progress = openProgress(world, { queue, json });
    try {
      return ids.length > 0
        ? await waitForSome(world, link, ids, { queue, json }, progress, leaving.signal)
        : await waitForAll(world, link, { queue, json }, progress, leaving.signal);
    } finally {
      progress.close();
      forget();
    }
  });
}

/**
 * Waits until the queue is empty. What ended badly before counts, too, unless somebody has waited for the queue since: who
 * submits, starts the workers and then waits must be told whenever it was.
 */
async function waitForAll(
  world: World,
  link: Link,
  { queue, json }: QueueFlags,
  progress: JobProgress,
  signal: AbortSignal,
): Promise<ExitCode> {
  const client = await link.client();
  const since = await waitedUntil(client, queue);
  let stats = await queueStats(link, queue);
  const onLook = (now: QueueStats): void => progress.take((stats = now));
  const isEmpty = await waitUntilEmpty(link, queue, { everyMs: LOOK_MS, onLook, signal });
  if (!isEmpty) return leaveWait(world, progress);
  progress.close();
  const until = Date.now();
  const bad = await endedBadly(client, queue, since);
  if (json) printJsonLine(world, { type: 'result', ...stats, ended_badly: bad });
  else if (bad.length === 0) print(world, 'all jobs have ended');
  else {
    print(
      world,
      `all jobs have ended, ${bad.length} of them badly${since === 0 ? '' : ` since ${localTime(since)}, when the last wait ended`}:`,
      ...bad.slice(0, NAMED).map(({ job_id: id, status }) => `  ${id}  ${status}`),
      ...(bad.length > NAMED ? [`  … and ${bad.length - NAMED} more`] : []),
      `  why: planwright job status ${bad[0]!.job_id}${ofQueue(queue)}`,
    );
  }
  if (stats.queue.total > 0) await noteWaited(link, queue, until);
  return bad.length === 0 ? 0 : 1;
}

/** After Ctrl-C: what ends at 1 here is the wait, no job. */
function leaveWait(world: World, progress: JobProgress): ExitCode {
  progress.close();
  tellTo(world)('no longer waiting; the jobs go on');
  return 1;
}

/** Jobs that are named when they ended badly. */
const NAMED = 20;

async function waitForSome(
  world: World,
  link: Link,
  ids: readonly string[],
  { queue, json }: QueueFlags,
  progress: JobProgress,
  signal: AbortSignal,
): Promise<ExitCode> {
  const open = [...ids];
  let isGood = true;
  while (open.length > 0) {
    if (signal.aborted) return leaveWait(world, progress);
    progress.take(await queueStats(link, queue));
    for (const id of [...open]) {
      const job = await readJob(link, queue, id);
      if (job !== null && !isFinal(job.status)) continue;
      open.splice(open.indexOf(id), 1);
      // Whoever took over stands for it: that one is waited for.
      if (job?.status === 'escalated' && job.escalated_to !== null) open.push(job.escalated_to);
      else if (job?.status !== 'completed') isGood = false;
      if (json) printJsonLine(world, { type: 'job', job_id: id, status: job?.status ?? 'not_found' });
      else
        print(
          world,
          `${id}  ${job?.status ?? 'not_found'}${(job?.error ?? null) === null ? '' : `: ${oneLine(job!.error!)}`}`,
        );
    }
    if (open.length > 0) await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
  return isGood ? 0 : 1;
}
