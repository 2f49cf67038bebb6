/**
 * What a leg of a run is told of the world around it, and of the legs before and behind it.
 */
import type { HandOver } from '../plan/hand-over.js';
import type { StepId } from '../plan/plan.js';
import type { PausedBy } from '../plan/record.js';
import type { Outcome } from '../plan/step-state.js';
import type { CancelRequest, ReportWanted, RunEnd } from './api.js';
import type { LeaseNews } from './lease-api.js';
import type { Surroundings } from './run-command-step.js';

export interface Surrounding extends Omit<
  Surroundings,
  'plan' | 'outputsOf' | 'stepOf' | 'leases' | 'leaseWaitMs' | 'noteRound' | 'shared' | 'reset' | 'goesOnFrom'
> {
  /** The execution of the run's own workflow. */
  readonly execution: string;
  /** Leases that runs above hold, with their tokens. */
  readonly inherited: Readonly<Record<string, number>>;
  readonly createdAt: number;
  /** When the plan was complete and the first leg began. */
  readonly startedAt: number;
  /** What the run above wants to know in the end. Left out: nothing. */
  readonly report?: ReportWanted;
}

/** What stands around a leg: those it takes steps over from, and those it gives steps to. */
export interface Neighbours {
  /** Asks the legs above to stop steps that still run there. */
  stopAbove(steps: readonly StepId[]): void;
  /** Says whether this leg should give its steps away. */
  isTimeToHandOn(): boolean;
  /** Starts the next leg. */
  handOn(handOver: HandOver): Promise<Successor>;
}

export interface Successor {
  readonly id: string;
  cancel(request: CancelRequest): void;
  settled(outcomes: readonly Settled[]): void;
  told(news: LeaseNews): void;
  pause(paused: boolean, by: PausedBy | null): void;
  result(): Promise<RunEnd>;
}

export interface Settled {
  readonly step: StepId;
  readonly outcome: Outcome;
}
