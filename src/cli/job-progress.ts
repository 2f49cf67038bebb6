/**
 * How a queue of jobs is getting on: a picture on a terminal, else a line now and then.
 */
import type { QueueStats } from '../client/jobs/list-jobs.js';
import type { RunHead } from '../plan/record.js';
import { printJsonLine } from './command.js';
import { paintFor, type Paint } from './paint.js';
import { bar } from './progress/bar.js';
import { LiveRegion } from './progress/live-region.js';
import { count, duration, seconds } from './text/time.js';
import { cut } from './text/width.js';
import type { World } from './world.js';

export interface JobProgress {
  take(stats: QueueStats): void;
  /** Says a line that stays. */
  say(line: string): void;
  close(): void;
}

/** Without a terminal something is said this often at most, and only if there is news. */
const EVERY_MS = 5_000;
const BAR_WIDTH = 30;

export function openProgress(
  world: World,
  { queue, json }: { readonly queue: string; readonly json: boolean },
): JobProgress {
  const began = world.now();
  if (json) return jsonProgress(world);
  return world.err.isTerminal ? picture(world, queue, began) : lines(world, began);
}

function jsonProgress(world: World): JobProgress {
  let before = '';
  return {
    take(stats) {
      const text = JSON.stringify(stats);
      if (text !== before) printJsonLine(world, { type: 'progress', ...stats });
      before = text;
    },
    say: () => undefined,
    close: () => undefined,
  };
}

function lines(world: World, began: number): JobProgress {
  const paint = paintFor(world.env, world.err);
  let said = { text: '', at: -Infinity };
  let last: QueueStats | null = null;
  const write = (text: string): void =>
    world.err.write(`${paint.dim(`[${seconds(world.now() - began).padStart(8)}]`)} ${text}\n`);
  return {
    take(stats) {
      last = stats;
      const text = statsText(stats);
      const now = world.now();
      if (text === said.text || now - said.at < EVERY_MS) return;
      said = { text, at: now };
      write(text);
    },
    say: write,
    close() {
      if (last !== null && statsText(last) !== said.text) write(statsText(last));
      last = null;
    },
  };
}

const SHOWN = [
  'running',
  'retry',
  'queued',
  'waiting',
  'completed',
  'escalated',
  'failed',
  'cancelled',
] as const;

/** `3 running, 10 queued · 20 completed, 1 failed` */
function statsText({ queue }: QueueStats): string {
  const parts = SHOWN.filter((state) => queue[state] > 0).map((state) => `${count(queue[state])} ${state}`);
  return parts.length === 0 ? 'no jobs' : parts.join(', ');
}

function picture(world: World, queue: string, began: number): JobProgress {
  const { err } = world;
  const paint = paintFor(world.env, err);
  let stats: QueueStats | null = null;
  let first: QueueStats | null = null;
  const draw = (): string[] => {
    if (stats === null) return [];
    const { columns } = err.size();
    const { workers } = stats;
    const state = workers.running
      ? `${workers.active_workers} of ${workers.worker_count} workers busy`
      : 'workers stopped';
    const names = workers.active_jobs.slice(0, 10).map((id) => `${paint.blue(paint.marks.running)} ${id}`);
    const head = `jobs ${queue}  ${state}  ${duration(world.now() - began)}`;
    return [
      paint.bold(cut(head, columns - 1, paint.marks.ellipsis)),
      `${bar(countsSince(stats, first!), Math.min(BAR_WIDTH, columns - 2), paint)}`,
      cut(statsText(stats), columns - 1, paint.marks.ellipsis),
      ...names,
    ];
  };
  const region = new LiveRegion(err, draw);
  const close = (): void => region.close(draw());
  const forget = world.onExit(close);
  return {
    take(next) {
      first ??= next;
      stats = next;
    },
    say: (line) => region.above([said(line, paint)]),
    close() {
      close();
      forget();
    },
  };
}

const said = (line: string, paint: Paint): string => paint.dim(line);

/** What has ended since the look began: jobs of last week say nothing of today's. */
function countsSince({ queue }: QueueStats, { queue: before }: QueueStats): RunHead['counts'] {
  const ended = (state: 'completed' | 'escalated' | 'failed' | 'cancelled'): number =>
    Math.max(0, queue[state] - before[state]);
  return {
    pending: queue.waiting + queue.queued,
    running: queue.running + queue.retry,
    succeeded: ended('completed') + ended('escalated'),
    failed: ended('failed'),
    skipped: 0,
    canceled: ended('cancelled'),
  };
}
