/**
 * The budget of a run: what its steps may cost together. What was spent by which step is part of the run, so it survives
 * whatever becomes of workers and servers.
 */
import type { Run } from './run.js';
import type { StepId } from './plan.js';

export interface BudgetLimits {
  /** Null: no limit. */
  readonly maxUsd: number | null;
  /** Share of the limit that is warned of. */
  readonly warnAt: number;
  /** What a budget that is used up means: a word, the end of new work, or nothing. */
  readonly mode: 'warn' | 'halt' | 'continue';
}

export const DEFAULT_BUDGET: BudgetLimits = { maxUsd: null, warnAt: 0.8, mode: 'warn' };

export interface BudgetState {
  readonly spentUsd: number;
  readonly warned: boolean;
  readonly exceeded: boolean;
}

export const NEW_BUDGET: BudgetState = { spentUsd: 0, warned: false, exceeded: false };

export interface Spent {
  readonly state: BudgetState;
  /** Each is said once. */
  readonly events: readonly ('budget_warning' | 'budget_exceeded')[];
  /** No new work may start. */
  readonly halt: boolean;
}

/** Takes in a cost in US dollars. What was spent is spent: a limit stops only what has not started. */
export function spend(state: BudgetState, limits: BudgetLimits, amountUsd: number): Spent {
  const spentUsd = state.spentUsd + amountUsd;
  const { maxUsd, warnAt, mode } = limits;
  const exceeded = maxUsd !== null && spentUsd >= maxUsd;
  const warned = maxUsd !== null && spentUsd >= maxUsd * warnAt;
  const events: Spent['events'][number][] = [];
  if (warned && !state.warned && mode !== 'continue') events.push('budget_warning');
  if (exceeded && !state.exceeded && mode !== 'continue') events.push('budget_exceeded');
  return {
    state: { spentUsd, warned: warned || state.warned, exceeded: exceeded || state.exceeded },
    events,
    halt: exceeded && mode === 'halt',
  };
}

/** What the steps of a run have cost so far. Times are milliseconds since 1970. */
export interface Spending {
  /** US dollars by step; one whose tool said nothing of its cost is not here. */
  readonly usd: Readonly<Record<string, number>>;
  readonly warnedAt: number | null;
  readonly exceededAt: number | null;
}

export const NOTHING_SPENT: Spending = { usd: {}, warnedAt: null, exceededAt: null };

export const spentUsd = ({ usd }: Spending): number => Object.values(usd).reduce((sum, one) => sum + one, 0);

/** Returns what may still be spent, in US dollars; null without a limit. */
export const moneyLeft = ({ plan: { budget }, spending }: Run): number | null =>
  budget === undefined || budget.maxUsd === null ? null : budget.maxUsd - spentUsd(spending);

/** Notes what a step has cost by now, all its attempts together. Noting it twice does no harm. */
export function noteSpent(run: Run, step: StepId, usd: number, at: number): void {
  const { spending } = run;
  const more = usd - (spending.usd[step] ?? 0);
  if (more <= 0) return;
  const { warnedAt, exceededAt } = spending;
  const before = { spentUsd: spentUsd(spending), warned: warnedAt !== null, exceeded: exceededAt !== null };
  const { events } = spend(before, run.plan.budget ?? DEFAULT_BUDGET, more);
  run.spending = {
    usd: { ...spending.usd, [step]: usd },
    warnedAt: events.includes('budget_warning') ? at : warnedAt,
    exceededAt: events.includes('budget_exceeded') ? at : exceededAt,
  };
  run.revision += 1;
}

/** Why no further work may start, or null when it may. */
export function whyNoMoreWork({ plan: { budget }, spending }: Pick<Run, 'plan' | 'spending'>): string | null {
  if (budget?.mode !== 'halt' || spending.exceededAt === null || budget.maxUsd === null) return null;
  return `the budget of the run is used up: ${dollars(spentUsd(spending))} of ${dollars(budget.maxUsd)} are spent`;
}

export const dollars = (usd: number): string => `$${usd.toFixed(2)}`;
