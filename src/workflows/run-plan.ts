/**
 * The interpreter: one workflow for every plan. `runPlan` is a run; `continuePlan` a further leg of a long one.
 */
import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  proxyActivities,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { Activities } from '../activities/api.js';
import { takeOver } from '../plan/hand-over.js';
import type { RunHead, StepRecord } from '../plan/record.js';
import { leasesOf } from '../plan/lease-names.js';
import { newRun } from '../plan/schedule.js';
import { stepRecord } from '../plan/view.js';
import { unpackPlan } from '../plan/wire.js';
import { LEG_EVENTS, type LegInput, type RunEnd, type RunInput } from './api.js';
import { FAILED_STEP, foundBy, RUN_STATE } from './attributes.js';
import { cancelNatively } from './cancel-natively.js';
import { ChunkStore } from './chunks.js';
import { judgeFor } from './judge.js';
import { Leg } from './leg.js';
import { openDoors } from './messages.js';
import { endOf } from './report.js';
import { startWarden } from './warden.js';
import { neighboursOf, unpackHandOver, type Place } from './succession.js';

/** A client that died while it sent the plan must not leave a run that waits for ever. */
const CHUNKS_LIMIT_MS = 120_000;

/**
 * Runs a plan to its end.
 *
 * @returns the head of a run that succeeded
 * @throws ApplicationFailure of type `RunFailed` (benign) when the run failed; CancelledFailure when it was canceled
 */
export async function runPlan(input: RunInput): Promise<RunEnd> {
  const { workflowId, runId: execution, startTime, typedSearchAttributes } = workflowInfo();
  const found = foundBy(typedSearchAttributes);
  const { origin, priority, legEvents = LEG_EVENTS, inherited = {} } = input;
  const createdAt = startTime.getTime();
  const outer = CancellationScope.current();
  let only: StepRecord | null = null;
  const end = await run(
    {
      ...{ runId: workflowId, execution, leg: 0, origin, priority },
      ...{ createdAt, startedAt: createdAt, legEvents, inherited },
      ...(input.report === undefined ? {} : { report: input.report }),
      ...(found === undefined ? {} : { foundBy: found }),
    },
    new ChunkStore(input.firstChunk, input.chunks),
    async (leg, text) => {
      const plan = unpackPlan(text);
      const names = leasesOf(plan);
      if (names.length > 0) await startWarden({ run: workflowId, execution, names });
      const ended = await leg.drive(newRun(plan, await judgeFor(plan), Date.now(), input.reuse));
      if (leg.run?.plan.steps.length === 1) only = stepRecord(leg.run, 0, null);
      return ended;
    },
  );
  if (input.searchAttributes) {
    upsertSearchAttributes([
      { key: RUN_STATE, value: end.head.state },
      { key: FAILED_STEP, value: end.head.failedStep },
    ]);
  }
  return endRun(end, only, outer);
}

/** Goes on with a run where the leg before left off. */
export async function continuePlan(input: LegInput): Promise<RunEnd> {
  const { runId, leg, origin, priority, createdAt, startedAt, legEvents } = input;
  const { inherited = {}, execution = '' } = input;
  const more = {
    ...(input.report === undefined ? {} : { report: input.report }),
    ...(input.foundBy === undefined ? {} : { foundBy: input.foundBy }),
  };
  return run(
    { runId, execution, leg, origin, priority, createdAt, startedAt, legEvents, inherited, ...more },
    new ChunkStore(input.firstChunk, input.chunks),
    async (part, text) => {
      const handOver = unpackHandOver(text);
      const taken = takeOver(handOver, await judgeFor(handOver.plan));
      return part.drive(taken, handOver.leases?.waiting);
    },
  );
}

async function run(
  place: Place,
  chunks: ChunkStore,
  drive: (leg: Leg, text: string) => Promise<RunHead>,
): Promise<RunEnd> {
  const leg = new Leg(place, neighboursOf(place));
  openDoors(leg, chunks, place.origin);
  // A native cancel (Web UI, CLI, a parent) and the signal mean the same.
  CancellationScope.current().cancelRequested.catch(() =>
    leg.cancel({ reason: 'canceled', actor: 'temporal' }),
  );
  // Everything waits in here: in a canceled scope the outcomes still on their way would be lost.
  return CancellationScope.nonCancellable(async () => {
    const isComplete = await condition(() => chunks.isComplete || leg.isCancelRequested, CHUNKS_LIMIT_MS);
    if (!isComplete) {
      const limit = `${CHUNKS_LIMIT_MS / 1000} s`;
      throw ApplicationFailure.nonRetryable(
        `the plan did not arrive whole within ${limit}: start it again`,
        'PlanIncomplete',
      );
    }
    if (!chunks.isComplete) throw new CancelledFailure('canceled before the plan had arrived');
    const head = await drive(leg, chunks.text);
    await writeRecord(place);
    return endOf(leg, head);
  });
}

/** Writes this leg's part of the record. The run ends as it ended even if that fails: any reader can build it later. */
async function writeRecord({ runId, leg }: Place): Promise<void> {
  const activities = proxyActivities<Activities>({
    activityId: 'write-record',
    summary: 'write the record of the run',
    startToCloseTimeout: '60s',
    scheduleToCloseTimeout: '2m',
    retry: { maximumAttempts: 3 },
  });
  await activities.writeRecord({ runId, leg }).catch(() => undefined);
}

async function endRun(end: RunEnd, only: StepRecord | null, outer: CancellationScope): Promise<RunEnd> {
  const { head, report } = end;
  switch (head.state) {
    case 'succeeded':
      return { ...end, ...(only === null ? {} : { only }) };
    case 'canceled':
      if (!outer.consideredCancelled) await cancelNatively(outer, 'end the run as canceled');
      throw new CancelledFailure(head.message ?? 'canceled');
    default:
      throw ApplicationFailure.create({
        message: head.message ?? 'the run failed',
        type: 'RunFailed',
        nonRetryable: true,
        category: ApplicationFailureCategory.BENIGN,
        details: report === undefined ? (only === null ? [head] : [head, only]) : [head, only, report],
      });
  }
}
