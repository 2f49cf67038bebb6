/**
 * Follows a run to its end, through dead workers and a dead server.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { LiveAttempt } from '../plan/live.js';
import type { RunRecord, StepRecord } from '../plan/record.js';
import { PlanwrightError } from './errors.js';
import { RunWatch, type Refreshed } from './run-watch.js';

/** Why nothing new is known. `since` in milliseconds since 1970. */
export type Notice =
  | { readonly kind: 'no-worker'; readonly since: number }
  | { readonly kind: 'no-server'; readonly since: number }
  /** The workflow's own code fails; Temporal tries it again and again. */
  | { readonly kind: 'stuck'; readonly since: number; readonly attempts: number };

/** One look at a run. */
export interface RunUpdate {
  /** Null until the run has told anything. */
  readonly record: RunRecord | null;
  /** The steps that changed since the update before. */
  readonly changed: readonly StepRecord[];
  readonly live: ReadonlyMap<string, LiveAttempt>;
  readonly notice: Notice | null;
  /** True for the last one: the record is complete. */
  readonly isFinal: boolean;
}

/** What following needs from around it. */
export interface FollowWorld {
  readonly client: Client;
  /** Returns the complete record of the closed run. */
  readonly finalRecord: () => Promise<RunRecord>;
  /** Called when nobody has answered for a while, and again while that lasts: what can be started again is. */
  readonly onSilence?: () => Promise<void>;
  /** Ends the following without harm to the run. */
  readonly signal?: AbortSignal;
}

/** A busy run is looked at five times a second, a quiet one once. */
const FASTEST_MS = 200;
const SLOWEST_MS = 1_000;
const SLOWER = 1.3;
/** A worker answers a query at once; one that replays a long history first takes seconds. */
const ANSWER_MS = 6_000;
/** The keeper of a worker brings it and the server back within seconds; after these somebody else must. */
const SILENCE_MS = 8_000;
/** Retries and heartbeats of running steps are asked for once a second, and only when a step runs that long. */
const LIVE_EVERY_MS = 1_000;

/**
 * Yields the run each time something is known to have changed, last its complete record.
 *
 * @throws WorkflowNotFoundError when there is no such run
 */
export async function* follow(world: FollowWorld, runId: string): AsyncGenerator<RunUpdate> {
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one for each minute that the end is waited for
  const ended = watchForEnd(world, runId, closing.signal);
  try {
    yield* updates(world, runId, ended);
  } finally {
    closing.abort();
  }
}

const NOTHING: Refreshed = { changed: [], isNews: false };

/** How often a silence is told of again. */
const REMIND_MS = 15_000;

interface End {
  isReached: boolean;
  readonly reached: Promise<void>;
}

async function* updates(world: FollowWorld, runId: string, end: End): AsyncGenerator<RunUpdate> {
  const watch = new RunWatch(world.client, runId);
  let live: ReadonlyMap<string, LiveAttempt> = new Map();
  let liveAt = 0;
  let notice: Notice | null = null;
  let pause = FASTEST_MS;
  let revivedAt = 0;
  let saidAt = Date.now();
  while (!world.signal?.aborted) {
    let found: Refreshed = NOTHING;
    let lookedAgain = false;
    const before: Notice | null = notice;
    try {
      if (end.isReached) {
        const record = await world.finalRecord();
        yield { record, changed: record.steps, live: new Map(), notice: null, isFinal: true };
        return;
      }
      found = (await unlessLeft(world, () => watch.refresh(ANSWER_MS))) ?? NOTHING;
      if (Date.now() - liveAt >= LIVE_EVERY_MS && runsLong(watch.record)) {
        const described = (await unlessLeft(world, () => watch.describe(ANSWER_MS))).live;
        live = new Map([...described, ...(await unlessLeft(world, () => watch.landings(ANSWER_MS)))]);
        liveAt = Date.now();
        lookedAgain = true;
      }
      notice = null;
    } catch (error) {
      if (world.signal?.aborted) return;
      if (isNotFound(error) || !isSilence(error)) throw error;
      notice = await whyNoAnswer(watch, notice);
      if (notice.kind !== 'stuck' && Date.now() - Math.max(notice.since, revivedAt) > SILENCE_MS) {
        revivedAt = Date.now();
        await world.onSilence?.();
      }
    }
    // Silence is said again from time to time: who waits must know that somebody does.
    const isReminder = notice !== null && Date.now() - saidAt > REMIND_MS;
    const isNews = found.isNews || lookedAgain || isReminder || !sameNotice(before, notice);
    if (isNews) {
      saidAt = Date.now();
      yield { record: watch.record, changed: found.changed, live, notice, isFinal: false };
    }
    pause = found.isNews ? FASTEST_MS : Math.min(pause * SLOWER, SLOWEST_MS);
    await nap(pause, end, world.signal);
  }
}

/** A question that nobody waits for any more is dropped. */
async function unlessLeft<T>({ client, signal }: FollowWorld, ask: () => Promise<T>): Promise<T> {
  if (signal === undefined) return ask();
  // The SDK adds a listener for each call and leaves it there: so each question has a signal of its own.
  const own = new AbortController();
  setMaxListeners(0, own.signal);
  const drop = (): void => own.abort();
  signal.addEventListener('abort', drop, { once: true });
  try {
    return await client.withAbortSignal(own.signal, ask);
  } finally {
    signal.removeEventListener('abort', drop);
  }
}

const runsLong = (record: RunRecord | null): boolean =>
  record !== null &&
  record.head.counts.running > 0 &&
  record.steps.some(
    (step) => step.state === 'running' && Date.now() - (step.launchedAt ?? Infinity) > LIVE_EVERY_MS,
  );

const sameNotice = (a: Notice | null, b: Notice | null): boolean =>
  a?.kind === b?.kind && (a?.kind !== 'stuck' || b?.kind !== 'stuck' || a.attempts === b.attempts);

/** Waits, but not longer than the run takes to end or its follower to leave. */
async function nap(ms: number, end: End, signal: AbortSignal | undefined): Promise<void> {
  if (end.isReached) return;
  const timer = new AbortController();
  const stop = (): void => timer.abort();
  signal?.addEventListener('abort', stop, { once: true });
  const rest = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([rest, end.reached]);
  timer.abort();
  signal?.removeEventListener('abort', stop);
}

/** Finds out why a question had no answer: is it the server, the worker, or the workflow? */
async function whyNoAnswer(watch: RunWatch, before: Notice | null): Promise<Notice> {
  const since = (kind: Notice['kind']): number => (before?.kind === kind ? before.since : Date.now());
  try {
    const { stuck } = await watch.describe(2_000);
    if (stuck !== null) return { kind: 'stuck', ...stuck };
    return { kind: 'no-worker', since: since('no-worker') };
  } catch {
    return { kind: 'no-server', since: since('no-server') };
  }
}

/** The end is an event: the server answers when it comes. */
function watchForEnd({ client }: FollowWorld, runId: string, signal: AbortSignal): End {
  let reach: () => void = () => undefined;
  const end: End = { isReached: false, reached: new Promise((resolve) => (reach = resolve)) };
  const wait = async (): Promise<void> => {
    const handle = client.workflow.getHandle(runId);
    while (!signal.aborted) {
      try {
        await client.withAbortSignal(signal, () => handle.result());
        break;
      } catch (error) {
        if (isRunFailure(error)) break;
        if (signal.aborted || isNotFound(error)) return;
        // The server is away: `updates` says so, here it is only tried again.
        await sleep(SLOWEST_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    if (signal.aborted) return;
    end.isReached = true;
    reach();
  };
  void wait();
  return end;
}

// By name: to load the SDK's classes for two comparisons would cost a command that never needs the server its start.
const named = (error: unknown, name: string): boolean => error instanceof Error && error.name === name;
/** Nobody answered, or nobody could: what passes by itself when a server or a worker comes back. */
export const isSilence = (error: unknown): boolean =>
  SILENT.some((name) => named(error, name)) ||
  (error instanceof PlanwrightError && error.code === 'no-worker');
const SILENT = [
  'ServiceError',
  'QueryNotRegisteredError',
  'QueryRejectedError',
  'WorkflowUpdateRPCTimeoutOrCancelledError',
];
/** A run that ended otherwise than succeeded ends its wait this way. */
const isRunFailure = (error: unknown): boolean => named(error, 'WorkflowFailedError');
export const isNotFound = (error: unknown): boolean => named(error, 'WorkflowNotFoundError');
