/**
 * A lease: exclusive use of a named resource, given to one after the other in the order in which they asked.
 *
 * What one lease knows and decides, as plain JSON: its workflow keeps it, and hands it to its successor as it is.
 */

/** Who may ask: a run, or one step of it (`step` is null for the run as a whole). */
export interface Asker {
  /** The workflow id of the run, of a sub-plan's run where one asks. */
  readonly run: string;
  /** The execution of that workflow: a sub-plan that is tried again is another asker. */
  readonly execution: string;
  readonly step: string | null;
}

/** Somebody who waits. Times are milliseconds since 1970. */
export interface Waiter extends Asker {
  readonly askedAt: number;
}

/** Somebody who has it. */
export interface Holder extends Waiter {
  readonly grantedAt: number;
  /** Rises with each grant of this lease: what is done under an older one can be told from it, and refused. */
  readonly token: number;
}

export interface Lease {
  readonly name: string;
  /** One, or several inside each other: a run, a step of it, the sub-plan of that step. */
  readonly holders: readonly Holder[];
  /** Longest waiting first. */
  readonly waiting: readonly Waiter[];
  readonly lastToken: number;
}

export const newLease = (name: string): Lease => ({ name, holders: [], waiting: [], lastToken: 0 });

export const isSameAsker = (a: Asker, b: Asker): boolean =>
  a.run === b.run && a.execution === b.execution && a.step === b.step;

/** Takes a request in. One that is here already keeps its place. */
export function ask(lease: Lease, asker: Asker, at: number): Lease {
  const isKnown = [...lease.holders, ...lease.waiting].some((known) => isSameAsker(known, asker));
  if (isKnown) return lease;
  const { run, execution, step } = asker;
  return { ...lease, waiting: [...lease.waiting, { run, execution, step, askedAt: at }] };
}

/** Gives the lease back, or the request up. Nothing for somebody who has neither. */
export function leave(lease: Lease, asker: Asker): Lease {
  const stays = (known: Asker): boolean => !isSameAsker(known, asker);
  return { ...lease, holders: lease.holders.filter(stays), waiting: lease.waiting.filter(stays) };
}

/** Drops everything of an execution that is over, however it ended. */
export function forget(lease: Lease, { run, execution }: Pick<Asker, 'run' | 'execution'>): Lease {
  const stays = (known: Asker): boolean => known.run !== run || known.execution !== execution;
  return { ...lease, holders: lease.holders.filter(stays), waiting: lease.waiting.filter(stays) };
}

/** Gives the lease to whoever may have it now. */
export function grant(
  lease: Lease,
  at: number,
): { readonly lease: Lease; readonly granted: readonly Holder[] } {
  let now = lease;
  const granted: Holder[] = [];
  for (;;) {
    const next = nextOf(now);
    if (next === undefined) return { lease: now, granted };
    // The server's clock makes it rise over the end of a lease's workflow, too: nobody has to remember the last one.
    const token = Math.max(now.lastToken + 1, at);
    const holder: Holder = { ...next, grantedAt: at, token };
    granted.push(holder);
    now = {
      ...now,
      holders: [...now.holders, holder],
      waiting: now.waiting.filter((waiter) => waiter !== next),
      lastToken: token,
    };
  }
}

/**
 * Returns who is next: the one that waits longest; while it is held, somebody inside all those that hold it. A step of
 * the run that has it must not wait for its own run to end.
 */
function nextOf({ holders, waiting }: Lease): Waiter | undefined {
  if (holders.length === 0) return waiting[0];
  return waiting.find((waiter) => holders.every((holder) => isInside(waiter, holder)));
}

/** Returns whether one asks from within what another holds the lease for: a step of that run, a sub-plan of that step. */
export function isInside(asker: Pick<Asker, 'run' | 'step'>, of: Pick<Asker, 'run' | 'step'>): boolean {
  if (of.step === null)
    return (asker.run === of.run && asker.step !== null) || asker.run.startsWith(`${of.run}~`);
  const below = subRun(of.run, of.step);
  return asker.run === below || asker.run.startsWith(`${below}~`);
}

/** The workflow id of a sub-plan's run: the ids of what is below begin with it. */
const subRun = (run: string, step: string): string => `${run}~${step}`;

/** Where somebody who waits stands, as it is told to him. */
export interface Position {
  /** Who has it: the outermost holder. */
  readonly heldBy: { readonly run: string; readonly step: string | null; readonly since: number };
  /** How many wait before him. */
  readonly ahead: number;
}

/** Returns where a waiter stands; null for one that does not wait. */
export function positionOf({ holders, waiting }: Lease, asker: Asker): Position | null {
  const ahead = waiting.findIndex((waiter) => isSameAsker(waiter, asker));
  // Who is inside some holder waits for the innermost one that it is not inside of.
  const holder = holders.find((one) => !isInside(asker, one)) ?? holders[0];
  if (ahead < 0 || holder === undefined) return null;
  return { heldBy: { run: holder.run, step: holder.step, since: holder.grantedAt }, ahead };
}
