/**
 * Which workstreams of a set a person asked for, and which of those can run.
 */
import { nearest } from '../plan/nearest.js';
import { quote } from '../plan/quote.js';
import { covers } from './scope.js';
import type { Workstream, WorkstreamId } from './workstream.js';

export interface Selection {
  readonly chosen: readonly Workstream[];
  /** Chosen, but unable to start: why. */
  readonly blocked: readonly { readonly id: WorkstreamId; readonly reason: string }[];
  /** Dependencies that are not chosen: they count as met, and people are told so. */
  readonly countedAsMet: readonly WorkstreamId[];
  /** What was asked for and is not there. */
  readonly unknown: readonly { readonly asked: string; readonly meant: string | null }[];
}

/**
 * Chooses workstreams by id or by pattern (`ws-2*`).
 *
 * @param asked - null for all of them
 * @param blocked - as the load found them
 */
export function selectWorkstreams(
  workstreams: readonly Workstream[],
  blocked: readonly { readonly id: WorkstreamId; readonly reason: string }[],
  asked: readonly string[] | null,
): Selection {
  const ids = workstreams.map(({ id }) => id as string);
  const unknown = (asked ?? [])
    .filter((wanted) => !ids.some((id) => covers(wanted, id)))
    .map((wanted) => ({ asked: wanted, meant: nearest(wanted, ids) }));
  const wanted = workstreams.filter(({ id }) => asked === null || asked.some((text) => covers(text, id)));
  const chosenIds = new Set(wanted.map(({ id }) => id));
  // Blocked by one that is left out is not blocked: what is left out counts as met.
  const stuck =
    asked === null ? blocked : blocked.filter(({ id }) => isStuck(id, workstreams, chosenIds, blocked));
  const isBlocked = new Set(stuck.map(({ id }) => id));
  const chosen = wanted.filter(({ id }) => !isBlocked.has(id));
  const met = chosen.flatMap(({ dependsOn }) => dependsOn.filter((on) => !chosenIds.has(on)));
  return {
    chosen,
    blocked: stuck.filter(({ id }) => chosenIds.has(id)),
    countedAsMet: [...new Set(met)].sort(),
    unknown,
  };
}

/** Says in a line what was asked for in vain. */
export const unknownMessage = ({ asked, meant }: Selection['unknown'][number]): string =>
  `no workstream is named ${quote(asked)}${meant === null ? '' : `; did you mean ${quote(meant)}?`}`;

/** Says whether a chosen workstream is in a circle of chosen ones, or waits for one that is. */
function isStuck(
  id: WorkstreamId,
  workstreams: readonly Workstream[],
  chosen: ReadonlySet<WorkstreamId>,
  blocked: readonly { readonly id: WorkstreamId }[],
): boolean {
  const isBlocked = new Set(blocked.map((one) => one.id));
  const byId = new Map(workstreams.map((one) => [one.id, one]));
  const inTrouble = (from: WorkstreamId): boolean => {
    // In a circle exactly when it can be reached from itself through chosen ones.
    const seen = new Set<WorkstreamId>();
    const queue = [from];
    for (let next = 0; next < queue.length; next += 1) {
      for (const on of byId.get(queue[next]!)?.dependsOn ?? []) {
        if (!chosen.has(on) || !isBlocked.has(on)) continue;
        if (on === from) return true;
        if (!seen.has(on)) queue.push(on);
        seen.add(on);
      }
    }
    return false;
  };
  const seen = new Set([id]);
  const queue = [id];
  for (let next = 0; next < queue.length; next += 1) {
    if (inTrouble(queue[next]!)) return true;
    for (const on of byId.get(queue[next]!)?.dependsOn ?? []) {
      if (chosen.has(on) && !seen.has(on)) queue.push(on);
      seen.add(on);
    }
  }
  return false;
}
