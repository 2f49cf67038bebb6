/**
 * How a worker uses Temporal's SDK: one SDK worker for each queue.
 */
import type { WorkerOptions as SdkOptions } from '@temporalio/worker';
import { compiled } from '../package.js';
import { hostQueue, queueOf, TASK_QUEUE } from '../workflows/api.js';

/** A drain lasts as long as a step may run, and each step has its own limit: this is only a number above them. */
const DRAIN_LIMIT = '30 days';
/** A worker that was killed holds up its workflows for so long (the SDK's own value is 10 s). */
const STICKY_WAIT_MS = 2_000;
/** A cancel comes with the answer to a heartbeat, so this is how long one takes (the SDK's own value is 60 s). */
const HEARTBEAT_EVERY_MS = 1_000;
/** Each holds its plan and the records of its steps. One that gives way is replayed from its history. */
const CACHED_WORKFLOWS = 250;
/** Requests that only this host can answer are short: reading logs. */
const HOST_SLOTS = 8;

export interface QueueOptions {
  readonly host: string;
  readonly labels: readonly string[];
  readonly slots: number;
  readonly namespace: string;
}

export interface WorkerQueues {
  /** The host's, and the one that has the name of this worker: served as long as it lives. */
  readonly own: readonly QueueSettings[];
  /** Of steps, and of workflows with them. */
  readonly steps: readonly QueueSettings[];
  /** Of workflows alone: for a worker at rest. */
  readonly workflows: QueueSettings;
}

export type QueueSettings = SdkOptions & { readonly taskQueue: string };

/** Returns the options of one SDK worker for each queue: all but the connection and the activities. */
export function sdkOptions({ host, labels, slots, namespace }: QueueOptions): WorkerQueues {
  const shared = {
    namespace,
    identity: `planwright@${host}:${process.pid}`,
    shutdownGraceTime: DRAIN_LIMIT,
    maxHeartbeatThrottleInterval: HEARTBEAT_EVERY_MS,
    defaultHeartbeatThrottleInterval: HEARTBEAT_EVERY_MS,
  };
  const steps = { ...shared, maxConcurrentActivityTaskExecutions: slots };
  const workflows = {
    ...shared,
    taskQueue: TASK_QUEUE,
    workflowBundle: { codePath: compiled('workflow-bundle.js') },
    stickyQueueScheduleToStartTimeout: STICKY_WAIT_MS,
    maxCachedWorkflows: CACHED_WORKFLOWS,
  };
  const own = { ...shared, maxConcurrentActivityTaskExecutions: HOST_SLOTS };
  return {
    own: [
      { ...own, taskQueue: hostQueue(host) },
      { ...own, taskQueue: shared.identity, maxConcurrentActivityTaskPolls: 1 },
    ],
    steps: [{ ...workflows, ...steps }, ...labels.map((label) => ({ ...steps, taskQueue: queueOf(label) }))],
    workflows,
  };
}
