/**
 * The circuit breaker of a tool: after several failures in a row nothing more is started with it for a while, then one probe
 * decides. A value, kept by whoever owns it across workers and restarts; time comes in as an argument.
 */

export interface BreakerLimits {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open before a probe. */
  readonly openMs: number;
  /** A probe that has not ended by then was lost, and counts as failed. */
  readonly probeMs: number;
}

export const DEFAULT_BREAKER_LIMITS: BreakerLimits = { failures: 5, openMs: 60_000, probeMs: 30 * 60_000 };

export type Breaker =
  | { readonly kind: 'closed'; readonly failures: number }
  /** `until` is null when only a person closes it: forced open, or the tool's quota is used up. */
  | { readonly kind: 'open'; readonly since: number; readonly until: number | null; readonly why: OpenReason }
  | { readonly kind: 'half-open'; readonly probe: string; readonly since: number };

export type OpenReason = 'failures' | 'quota' | 'by-hand';

export const CLOSED: Breaker = { kind: 'closed', failures: 0 };

const next: Readonly<Record<Breaker['kind'], readonly Breaker['kind'][]>> = {
  closed: ['closed', 'open'], // closed again: a failure was counted, or a success forgot them
  open: ['half-open', 'open', 'closed'], // open again: forced; closed: reset by hand
  'half-open': ['closed', 'open'],
};

/** Every change of a breaker passes through here. */
function moved(from: Breaker, to: Breaker): Breaker {
  if (!next[from.kind].includes(to.kind))
    throw new Error(`BUG: a breaker cannot go from ${from.kind} to ${to.kind}`);
  return to;
}

export type StartAnswer =
  | { readonly breaker: Breaker; readonly may: 'start' }
  /** Ask again then; null: only a person can change it. Waiting costs no attempt. */
  | {
      readonly breaker: Breaker;
      readonly may: 'wait';
      readonly until: number | null;
      readonly why: OpenReason | 'probe';
    };

/**
 * Asks whether an attempt may start with this tool.
 *
 * @param attempt - known again when it ends: the one that is let through half-open is the probe
 */
export function askToStart(
  breaker: Breaker,
  limits: BreakerLimits,
  attempt: string,
  now: number,
): StartAnswer {
  const at = expireProbe(breaker, limits, now);
  switch (at.kind) {
    case 'closed':
      return { breaker: at, may: 'start' };
    case 'open':
      if (at.until === null || now < at.until)
        return { breaker: at, may: 'wait', until: at.until, why: at.why };
      return { breaker: moved(at, { kind: 'half-open', probe: attempt, since: now }), may: 'start' };
    case 'half-open':
      if (at.probe === attempt) return { breaker: at, may: 'start' }; // asked again after a lost answer
      return { breaker: at, may: 'wait', until: at.since + limits.probeMs, why: 'probe' };
  }
}

/** The probe's worker may be gone: then nobody would ever answer for it. */
function expireProbe(breaker: Breaker, limits: BreakerLimits, now: number): Breaker {
  if (breaker.kind !== 'half-open' || now < breaker.since + limits.probeMs) return breaker;
  return moved(breaker, {
    kind: 'open',
    since: breaker.since + limits.probeMs,
    until: now + limits.openMs,
    why: 'failures',
  });
}

/**
 * How an attempt ended, as far as the tool is to blame: work that fails its checks is no failure of the tool. `unknown`: it
 * was not called, or was stopped.
 */
export type ToolOutcome = 'worked' | 'failed' | 'quota' | 'unknown';

export function attemptEnded(
  breaker: Breaker,
  limits: BreakerLimits,
  attempt: string,
  outcome: ToolOutcome,
  now: number,
): Breaker {
  const open = (why: OpenReason): Breaker =>
    moved(breaker, { kind: 'open', since: now, until: why === 'quota' ? null : now + limits.openMs, why });
  switch (breaker.kind) {
    case 'closed': {
      if (outcome === 'quota') return open('quota');
      if (outcome === 'unknown') return breaker;
      if (outcome === 'worked') return CLOSED;
      const failures = breaker.failures + 1;
      return failures >= limits.failures ? open('failures') : moved(breaker, { kind: 'closed', failures });
    }
    case 'half-open':
      // One that was started before it opened says nothing about now, unless it is about the quota.
      if (outcome === 'quota') return open('quota');
      if (breaker.probe !== attempt) return breaker;
      // A probe that was none: the next one that asks is it.
      if (outcome === 'unknown')
        return moved(breaker, { kind: 'open', since: now, until: now, why: 'failures' });
      return outcome === 'worked' ? moved(breaker, CLOSED) : open('failures');
    case 'open':
      return outcome === 'quota' && breaker.until !== null ? open('quota') : breaker;
  }
}

/** What a person may do. `reset` and `close` are the same thing with two names in use. */
export type ByHand = 'reset' | 'close' | 'open';

export function byHand(breaker: Breaker, what: ByHand, now: number): Breaker {
  if (what === 'open')
    return breaker.kind === 'open' && breaker.until === null
      ? breaker
      : { kind: 'open', since: now, until: null, why: 'by-hand' };
  return CLOSED;
}

/** Says in a few words where a breaker stands; when it may be asked again is for others to say in their own way. */
export function describeBreaker(breaker: Breaker): string {
  switch (breaker.kind) {
    case 'closed':
      return breaker.failures === 0 ? 'closed' : `closed, ${breaker.failures} failed in a row`;
    case 'open':
      return `open: ${OPEN_WORDS[breaker.why]}`;
    case 'half-open':
      return 'half-open: one attempt tries it';
  }
}

export const OPEN_WORDS: Readonly<Record<OpenReason, string>> = {
  failures: 'it failed too often in a row',
  quota: 'its quota is used up',
  'by-hand': 'opened by hand',
};
