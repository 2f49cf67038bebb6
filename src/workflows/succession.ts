/**
 * How the legs of a run follow one another: each is a child of the one before, so that ending the run ends them all.
 */
import {
  CancellationScope,
  getExternalWorkflowHandle,
  patched,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { HandOver } from '../plan/hand-over.js';
import { leasesOf } from '../plan/lease-names.js';
import type { Plan } from '../plan/plan.js';
import type { PausedBy } from '../plan/record.js';
import { packPlan, unpackPlan } from '../plan/wire.js';
import {
  ADD_CHUNK_SIGNAL,
  CANCEL_SIGNAL,
  LEG_WORKFLOW,
  legId,
  PAUSED_SIGNAL,
  SETTLED_SIGNAL,
  STOP_STEPS_SIGNAL,
  type LegInput,
  type RunEnd,
} from './api.js';
import { LEASE_SIGNAL } from './lease-api.js';
import { chunksOf } from './chunks.js';
import type { Neighbours, Surrounding } from './neighbours.js';

export interface Place extends Surrounding {
  /** 0 is the run's own workflow. */
  readonly leg: number;
  readonly legEvents: number;
}

/** Returns the neighbours of a leg: the one before it, and the one it starts when its history has grown. */
export function neighboursOf(place: Place): Neighbours {
  const { runId, leg } = place;
  return {
    isTimeToHandOn: () => {
      const info = workflowInfo();
      return info.historyLength >= place.legEvents || info.continueAsNewSuggested;
    },
    stopAbove: (steps) => {
      if (leg === 0) return;
      const above = getExternalWorkflowHandle(legId(runId, leg - 1));
      send(() => above.signal(STOP_STEPS_SIGNAL, { steps }));
    },
    handOn: async (handOver) => {
      const chunks = chunksOf(packHandOver(handOver));
      const { origin, createdAt, startedAt, priority, legEvents, inherited, execution, report, foundBy } =
        place;
      const hasLeases = handOver.leases !== undefined || Object.keys(inherited).length > 0;
      const input: LegInput = {
        ...{ origin, runId, leg: leg + 1, createdAt, startedAt, priority, legEvents },
        ...(report === undefined ? {} : { report }),
        ...(foundBy === undefined ? {} : { foundBy }),
        ...(hasLeases || leasesOf(handOver.plan).length > 0 ? { inherited, execution } : {}),
        chunks: chunks.length,
        firstChunk: chunks[0]!,
      };
      const next = await startChild<(input: LegInput) => Promise<RunEnd>>(LEG_WORKFLOW, {
        workflowId: legId(runId, leg + 1),
        args: [input],
        staticSummary: `${handOver.plan.planId} · part ${leg + 2}`,
      });
      for (const [index, text] of chunks.entries())
        if (index > 0) await next.signal(ADD_CHUNK_SIGNAL, { index, text });
      return {
        id: next.workflowId,
        cancel: (request) => send(() => next.signal(CANCEL_SIGNAL, request)),
        told: (news) => send(() => next.signal(LEASE_SIGNAL, news)),
        pause: (paused, by) => send(() => next.signal(PAUSED_SIGNAL, { paused, by })),
        settled: (outcomes) => send(() => next.signal(SETTLED_SIGNAL, { outcomes })),
        result: () => next.result(),
      };
    },
  };
}

/** Sends a message, also when the run is being canceled. A leg that has ended needs none; its result says how. */
function send(signal: () => Promise<void>): void {
  CancellationScope.nonCancellable(signal).catch(() => undefined);
}

/** Tells runs below this one that they are paused, or no more. One that has ended needs no telling. */
export function pauseBelow(runs: readonly string[], paused: boolean, by: PausedBy | null): void {
  // A history from before this was told has no such signals.
  if (runs.length === 0 || !patched('pause-reaches-runs-below')) return;
  for (const id of runs) send(() => getExternalWorkflowHandle(id).signal(PAUSED_SIGNAL, { paused, by }));
}

type PackedHandOver = Omit<HandOver, 'plan'> & { readonly plan: string };

const packHandOver = (handOver: HandOver): string =>
  JSON.stringify({ ...handOver, plan: packPlan(handOver.plan) } satisfies PackedHandOver);

export function unpackHandOver(text: string): HandOver {
  const packed = JSON.parse(text) as PackedHandOver;
  const plan: Plan = unpackPlan(packed.plan);
  return { ...packed, plan };
}
