/**
 * The events of a run while their order is still to be found.
 */
import type { EventType } from './event.js';
import type { Draft } from './event-order.js';
import type { Json } from './plan.js';

export interface Happening {
  readonly type: EventType;
  readonly data: Readonly<Record<string, Json>>;
}

/** Adds an event that stands behind those at the places `after`, and returns its own place. */
export type AddEvent = (
  type: EventType,
  at: number,
  after: readonly number[],
  key: string,
  data: Happening['data'],
  launchedAt?: number,
) => number;

// Within a millisecond: what ends goes before what that end leads to, and that before what starts. So no reading of
// the events shows more steps at once than the plan allows.
const RANK: Readonly<Record<EventType, number>> = {
  run_created: 0,
  run_started: 1,
  step_timeout: 2,
  step_succeeded: 2,
  step_failed: 2,
  step_retry: 3,
  plan_aborted: 4,
  step_canceled: 5,
  step_skipped: 5,
  lease_wait: 6,
  lease_granted: 6,
  lease_lost: 6,
  tool_wait: 6,
  manual_action: 1,
  run_paused: 1,
  run_resumed: 1,
  budget_warning: 6,
  budget_exceeded: 6,
  step_started: 6,
  run_completed: 7,
  run_canceled: 7,
  run_quarantined: 8,
};

export class EventDrafts {
  readonly #drafts: Draft<Happening>[] = [];
  /** Where the last event of each ended step stands: what follows from its end stands behind that. */
  readonly #endOf = new Map<string, number>();
  /** `after` lists that are filled once all ends are known. */
  readonly #later: { readonly after: number[]; readonly ids: readonly string[] }[] = [];

  readonly add: AddEvent = (type, at, after, key, data, launchedAt = 0) => {
    this.#drafts.push({
      value: { type, data },
      key: `${type} ${key}`,
      at,
      rank: RANK[type],
      launchedAt,
      after,
    });
    return this.#drafts.length - 1;
  };

  /** Returns a list to stand behind: `first`, and the ends of steps, which may not be known yet. */
  behind(first: number, steps: readonly string[]): number[] {
    const after = [first];
    if (steps.length > 0) this.#later.push({ after, ids: steps });
    return after;
  }

  noteEnd(step: string, place: number): void {
    this.#endOf.set(step, place);
  }

  /** Puts what stands behind ends of steps there. Called once all ends are noted. */
  settle(): void {
    for (const { after, ids } of this.#later) after.push(...ids.flatMap((id) => this.#endOf.get(id) ?? []));
  }

  /** The places of all that was added so far. */
  get places(): number[] {
    return [...this.#drafts.keys()];
  }

  get all(): readonly Draft<Happening>[] {
    return this.#drafts;
  }
}
