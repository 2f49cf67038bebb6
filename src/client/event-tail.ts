/**
 * Tells each event of a run once, as it becomes known.
 */
import type { EventType, RunEvent } from '../plan/event.js';
import { keyedEventsOf } from '../plan/events.js';
import type { QuarantineNote } from '../plan/record.js';
import type { RunUpdate } from './follow.js';

export class EventTail {
  readonly #told = new Set<string>();

  /**
   * Returns the events that no earlier call returned. They are in order among themselves; one that a worker reported
   * late may be older than what was told before it.
   */
  take({ record, changed, live, isFinal }: RunUpdate, quarantine: QuarantineNote | null = null): RunEvent[] {
    if (record === null) return [];
    // Of a run that goes on only steps with news can have new events: the others need not be gone through again.
    const only = isFinal
      ? {}
      : { only: new Set([...changed.map((step) => step.id as string), ...live.keys()]) };
    const fresh = keyedEventsOf(record, { live, quarantine, ...only }).filter(
      ({ key, event }) => !this.#told.has(key) && (isFinal || !ENDS.has(event.event_type)),
    );
    for (const { key } of fresh) this.#told.add(key);
    return fresh.map(({ event }) => event);
  }
}

/** Nothing comes after these, so they wait until all is known. */
const ENDS: ReadonlySet<EventType> = new Set(['run_completed', 'run_canceled', 'run_quarantined']);
