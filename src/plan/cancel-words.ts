/**
 * A cancellation, and a pause, in words.
 */
import type { PausedBy } from './record.js';

interface Cancellation {
  readonly actor: string;
  readonly reason: string;
}

/** Reasons that say no more than that there is one. */
const SAYS_NOTHING = /^cancell?ed(?: by (?:user|signal))?$/i;

/** Says who canceled and why, each once: "canceled by ann: wrong branch", "canceled by ann". */
export function canceledBy({ actor, reason }: Cancellation): string {
  const why = reason.trim();
  if (why === '' || SAYS_NOTHING.test(why)) return `canceled by ${actor}`;
  return /^cancell?ed by /i.test(why) ? `${why} (${actor})` : `canceled by ${actor}: ${why}`;
}

/** "paused by ann: tea"; "paused" when nobody said. */
export const pausedText = (by: PausedBy | undefined): string => saidText('paused', by);

/** "resumed by ann: tea is over". */
export const resumedText = (by: PausedBy): string => saidText('resumed', by);

function saidText(what: 'paused' | 'resumed', by: PausedBy | undefined): string {
  if (by === undefined) return what;
  const why = by.reason.trim();
  return why === '' || why === `${what} by user`
    ? `${what} by ${by.actor}`
    : `${what} by ${by.actor}: ${why}`;
}
