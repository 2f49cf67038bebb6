/**
 * Costs. Money is counted by currency and never mixed.
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
