/**
 * The states of a step and the moves between them.
 */
import type { Attempt, StepFailure } from './attempt.js';
import type { Json } from './plan.js';
import type { Cause, StepKind } from './record.js';

/** What the tries of a step came to, as the workers report it. */
export type Outcome = Ended &
  (
    | { readonly kind: 'succeeded'; readonly outputs: Readonly<Record<string, Json>> }
    | { readonly kind: 'failed'; readonly failure: StepFailure; readonly outputs?: Evidence }
    | { readonly kind: 'canceled'; readonly outputs?: Evidence }
  );

/** What a step leaves for the record although it did not succeed, such as the patch of work that was refused. No other step reads it. */
type Evidence = Readonly<Record<string, Json>>;

interface Ended {
  readonly attempts: readonly Attempt[];
  readonly attemptsOmitted: number;
}

/** Where a step stands. Each kind carries only what is true in it; times are milliseconds since 1970. */
export type StepState =
  | { readonly kind: 'pending' }
  /** `stop` is set once the step was asked to end: why. */
  | { readonly kind: 'running'; readonly launchedAt: number; readonly stop: Cause | null }
  | {
      readonly kind: 'succeeded';
      readonly launchedAt: number | null;
      readonly endedAt: number;
      readonly outcome: Outcome & { readonly kind: 'succeeded' };
      readonly reusedFrom: string | null;
    }
  | {
      readonly kind: 'failed';
      /** Null when its condition could not be evaluated: nothing was launched. */
      readonly launchedAt: number | null;
      readonly endedAt: number;
      readonly outcome: Outcome & { readonly kind: 'failed' };
    }
  | { readonly kind: 'skipped'; readonly endedAt: number; readonly cause: Cause }
  | {
      readonly kind: 'canceled';
      readonly launchedAt: number | null;
      readonly endedAt: number;
      readonly cause: Cause;
      readonly outcome: (Outcome & { readonly kind: 'canceled' }) | null;
    };

const next: Readonly<Record<StepKind, readonly StepKind[]>> = {
  pending: ['running', 'succeeded', 'failed', 'skipped', 'canceled'], // succeeded: an earlier run's result; failed: a bad condition
  running: ['running', 'succeeded', 'failed', 'canceled'], // running again: asked to stop
  succeeded: [],
  failed: [],
  skipped: [],
  canceled: [],
};

/**
 * Checks one move of a step.
 *
 * @throws Error `BUG:` when the table has no such move
 */
export function assertMove(step: string, from: StepKind, to: StepKind): void {
  if (!next[from].includes(to)) throw new Error(`BUG: step "${step}" cannot go from ${from} to ${to}`);
}

export const isOver = (state: StepState): boolean => state.kind !== 'pending' && state.kind !== 'running';
