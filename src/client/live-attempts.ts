/**
 * What the server knows of steps at work: the one source for tries that have not ended, at no cost in history.
 */
import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import type { CommandHeartbeat } from '../activities/api.js';
import type { LiveAttempt } from '../plan/live.js';

type Pending = temporal.api.workflow.v1.IPendingActivityInfo;
type PendingTask = temporal.api.workflow.v1.IPendingWorkflowTaskInfo;

/** A workflow as the server describes it: whether it is open, what it works at, and whether it is stuck. */
export interface Described {
  readonly isOpen: boolean;
  readonly live: ReadonlyMap<string, LiveAttempt>;
  /** Set when the workflow's own code fails again and again: nothing goes on until that is mended. */
  readonly stuck: { readonly attempts: number; readonly since: number } | null;
}

/** A workflow task that failed once may have met a worker that was shut down. */
const STUCK_AFTER = 3;

/** Describes one workflow of a run. */
export async function describeLeg(client: Client, workflowId: string, withinMs: number): Promise<Described> {
  const { status, raw } = await client.withDeadline(Date.now() + withinMs, () =>
    client.workflow.getHandle(workflowId).describe(),
  );
  const live = new Map<string, LiveAttempt>();
  for (const pending of raw.pendingActivities ?? []) {
    if (pending.activityId) live.set(pending.activityId, await liveAttempt(client, pending));
  }
  const isOpen = status.name === 'RUNNING' || status.name === 'PAUSED';
  return { isOpen, live, stuck: stuckIn(raw.pendingWorkflowTask ?? null) };
}

function stuckIn(task: PendingTask | null): Described['stuck'] {
  const attempts = task?.attempt ?? 0;
  const since = timeOf(task?.originalScheduledTime);
  return attempts > STUCK_AFTER && since !== null ? { attempts, since } : null;
}

// PendingActivityState, by the numbers of Temporal's published API: the SDK has no names for them at run time.
const SCHEDULED: number = 1;

async function liveAttempt(client: Client, pending: Pending): Promise<LiveAttempt> {
  const heartbeat = await heartbeatOf(client, pending);
  const ended = heartbeat?.attempts ?? [];
  const running = heartbeat?.running;
  const nextAt = timeOf(pending.nextAttemptScheduleTime);
  const waits = Number(pending.state) === SCHEDULED;
  const tried = (pending.attempt ?? 1) > 1;
  return {
    number: (heartbeat?.endings ?? 0) + 1,
    state: waits ? (tried && nextAt !== null ? 'backing-off' : 'queued') : 'running',
    // By the worker's clock, as the record will have it; until its first heartbeat it is not known.
    startedAt: !waits && running?.start === pending.attempt ? (running?.startedAt ?? null) : null,
    nextAt: waits ? nextAt : null,
    ended,
    lastFailure: tried ? (pending.lastFailure?.message ?? null) : null,
    worker: pending.lastWorkerIdentity || null,
  };
}

/** Returns what the step's worker told with its last heartbeat; other activities tell nothing that is read here. */
async function heartbeatOf(client: Client, pending: Pending): Promise<CommandHeartbeat | null> {
  const payload = pending.heartbeatDetails?.payloads?.[0];
  if (!payload) return null;
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  let decoded = [payload];
  for (const codec of [...payloadCodecs].reverse()) decoded = await codec.decode(decoded);
  const details: unknown = decoded[0] && payloadConverter.fromPayload(decoded[0]);
  return isHeartbeat(details) ? details : null;
}

const isHeartbeat = (value: unknown): value is CommandHeartbeat =>
  typeof value === 'object' &&
  value !== null &&
  'endings' in value &&
  'attempts' in value &&
  Array.isArray(value.attempts);

interface Timestamp {
  readonly seconds?: { toNumber(): number } | null;
  readonly nanos?: number | null;
}

/** Milliseconds since 1970 of a protobuf timestamp, or null. */
function timeOf(timestamp: Timestamp | null | undefined): number | null {
  if (!timestamp?.seconds) return null;
  return timestamp.seconds.toNumber() * 1000 + Math.floor((timestamp.nanos ?? 0) / 1e6);
}
