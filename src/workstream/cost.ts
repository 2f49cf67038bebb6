/**
 * Costs and budgets. Money is counted by currency and never mixed.
 */

export type ResourceType = 'api_call' | 'compute_time' | 'storage' | 'network' | 'tool_usage' | 'custom';

/** One cost, as it is recorded. */
export interface Cost {
  readonly costId: string;
  readonly run: string;
  readonly project: string;
  readonly workstream: string | null;
  readonly step: string | null;
  readonly resource: ResourceType;
  /** Of what: `aider`, `gpt-4o`. */
  readonly name: string;
  /** 0 or more; null when the tool did not say. */
  readonly amount: number | null;
  /** Three capitals. */
  readonly currency: string;
  readonly tokensIn: number | null;
  readonly tokensOut: number | null;
  readonly model: string | null;
  readonly at: number;
}

/** Says what is wrong with a cost, or null. */
export function costFault(cost: Cost): string | null {
  if (cost.amount !== null && !(cost.amount >= 0 && Number.isFinite(cost.amount))) {
    return `a cost must be 0 or more, found ${cost.amount}`;
  }
  return /^[A-Z]{3}$/.test(cost.currency)
    ? null
    : `a currency must be three capitals, found "${cost.currency}"`;
}

export interface CostFilter {
  readonly run?: string;
  readonly project?: string;
  readonly resource?: ResourceType;
}

/** Sums by currency; `unknown` counts the costs whose amount nobody said: a sum without them is a lower bound. */
export function totals(
  costs: readonly Cost[],
  filter: CostFilter = {},
): { readonly byCurrency: Readonly<Record<string, number>>; readonly unknown: number } {
  const byCurrency: Record<string, number> = {};
  let unknown = 0;
  for (const cost of costs) {
    if (filter.run !== undefined && cost.run !== filter.run) continue;
    if (filter.project !== undefined && cost.project !== filter.project) continue;
    if (filter.resource !== undefined && cost.resource !== filter.resource) continue;
    if (cost.amount === null) unknown += 1;
    else byCurrency[cost.currency] = (byCurrency[cost.currency] ?? 0) + cost.amount;
  }
  return { byCurrency, unknown };
}

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
