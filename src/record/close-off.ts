/**
 * The record of a run that was closed from outside: terminated, timed out, or failed by a fault of ours. No code of
 * the workflow ran at its end, so what was open is ended here.
 */
import type { RunRecord, RunState, StepRecord } from '../plan/record.js';
import { countsOf } from './legs.js';

export interface Ending {
  readonly state: Extract<RunState, 'failed' | 'canceled'>;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Returns the record with nothing left open. One that the workflow itself brought to an end comes back as it is. */
export function closeOff(record: RunRecord, ending: Ending): RunRecord {
  const { head } = record;
  const isOver = head.state !== 'pending' && head.state !== 'running';
  if (isOver) return head.endedAt === null ? { ...record, head: { ...head, endedAt: ending.at } } : record;
  const { pausedBy: _, ...goesOn } = head;
  const steps = record.steps.map((step) => endStep(step, ending));
  const { state, message, at: endedAt } = ending;
  return {
    ...record,
    steps,
    head: { ...goesOn, state, message, endedAt, paused: false, counts: countsOf(steps) },
  };
}

function endStep(step: StepRecord, { message, at }: Ending): StepRecord {
  if (step.state !== 'pending' && step.state !== 'running') return step;
  return { ...step, state: 'canceled', endedAt: at, canceling: false, cause: { kind: 'engine', message } };
}
