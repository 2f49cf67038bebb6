/**
 * Puts events into an order in which every cause stands before its effect, and gives them ids that sort that way.
 *
 * Times alone do not do it: a worker's clock may be off, and many things happen within one millisecond.
 */
import { IndexQueue } from './index-queue.js';

/** An event that still has to find its place. */
export interface Draft<T> {
  readonly value: T;
  /** What it is, within its run: the same for the same event however often it is derived. */
  readonly key: string;
  readonly at: number;
  /** Among events of one millisecond that do not cause each other, the lower goes first. */
  readonly rank: number;
  /** Of those with one rank, the one that was launched first goes first: its end made room for the other. */
  readonly launchedAt: number;
  /** Indices of the drafts that must stand before this one. */
  readonly after: readonly number[];
}

export interface Placed<T> {
  readonly value: T;
  readonly key: string;
  /** Never before the time of an event that stands before it. */
  readonly at: number;
}

/**
 * Orders drafts by time, each behind those it names in `after`; a time that contradicts this is moved up.
 *
 * @throws Error `BUG:` when drafts stand behind each other in a ring
 */
export function inOrder<T>(drafts: readonly Draft<T>[]): Placed<T>[] {
  const behind: number[][] = drafts.map(() => []);
  drafts.forEach((draft, index) => draft.after.forEach((before) => behind[before]!.push(index)));

  const at = drafts.map((draft) => draft.at);
  const stack: number[] = [];
  walk(drafts, behind, { push: (index) => stack.push(index), pop: () => stack.pop() }, (index) => {
    for (const next of behind[index]!) at[next] = Math.max(at[next]!, at[index]!);
  });

  // By time and rank, where no cause says otherwise: the queue gives the smallest place whose causes have been placed.
  const sorted = [...drafts.keys()].sort(
    (a, b) =>
      at[a]! - at[b]! ||
      drafts[a]!.rank - drafts[b]!.rank ||
      drafts[a]!.launchedAt - drafts[b]!.launchedAt ||
      a - b,
  );
  const placeOf: number[] = [];
  sorted.forEach((index, place) => (placeOf[index] = place));
  const queue = new IndexQueue();
  const placed: Placed<T>[] = [];
  const byPlace = {
    push: (index: number) => queue.push(placeOf[index]!),
    pop: () => sorted[queue.pop() ?? -1],
  };
  walk(drafts, behind, byPlace, (index) => {
    placed.push({ value: drafts[index]!.value, key: drafts[index]!.key, at: at[index]! });
  });
  if (placed.length !== drafts.length) throw new Error('BUG: events stand behind each other in a ring');
  return placed;
}

/** Visits every draft after those it stands behind; which of the free ones comes next, `waiting` decides. */
function walk(
  drafts: readonly Draft<unknown>[],
  behind: readonly (readonly number[])[],
  waiting: { push(index: number): void; pop(): number | undefined },
  visit: (index: number) => void,
): void {
  const waits = drafts.map((draft) => draft.after.length);
  waits.forEach((count, index) => {
    if (count === 0) waiting.push(index);
  });
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    visit(index);
    for (const next of behind[index]!) {
      waits[next]! -= 1;
      if (waits[next] === 0) waiting.push(next);
    }
  }
}

// Crockford's base 32, which keeps the order of numbers: with it the ids below have the shape of a ULID.
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

function digits(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = DIGITS[rest % 32]! + text;
  return text;
}

/**
 * Returns ids that sort in the order of `placed` and are the same each time the same events are derived: the time,
 * the place within its millisecond, a digest of what the event is.
 */
export function idsOf(runId: string, placed: readonly Placed<unknown>[]): string[] {
  let place = 0;
  return placed.map(({ key, at }, index) => {
    place = placed[index - 1]?.at === at ? place + 1 : 0;
    return (
      digits(at, 10) +
      digits(place, 4) +
      digits(digest(`${runId} ${key}`), 6) +
      digits(digest(`${key} ${runId}`), 6)
    );
  });
}

/** FNV-1a, 30 bits: it tells events apart that share a millisecond and a place, no more is asked of it. */
function digest(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 30)) & 0x3fffffff;
}
