/**
 * What a run knows of the leases that it and its steps asked for: part of the record, and what people are shown while
 * they wait.
 */
import type { Run } from './run.js';
import { touch } from './run.js';

/** One lease that the run or a step asked for. Times are milliseconds since 1970. */
export interface LeaseUse {
  readonly name: string;
  readonly askedAt: number;
  /** Null while it is waited for, and for good when the wait was given up. */
  readonly grantedAt: number | null;
  readonly token: number | null;
  /** Whom it was waited for, as last heard; null when there was nobody. */
  readonly heldBy: { readonly run: string; readonly step: string | null; readonly since: number } | null;
  /** How many stood before it in the queue. */
  readonly ahead: number;
  /** Set when somebody took it away by force. */
  readonly taken: { readonly at: number; readonly reason: string; readonly actor: string } | null;
}

/** For the run as a whole, in place of a step's index. */
export const WHOLE_RUN = -1;

export const asked = (name: string, at: number): LeaseUse => ({
  name,
  askedAt: at,
  grantedAt: null,
  token: null,
  heldBy: null,
  ahead: 0,
  taken: null,
});

/** Notes what became of the leases of a step, or of the run. */
export function noteLeases(run: Run, index: number, uses: readonly LeaseUse[]): void {
  run.leases.set(index, uses);
  if (index === WHOLE_RUN) run.revision += 1;
  else touch(run, index);
}

/** Returns the lease that is waited for now, or null. */
export const waitedFor = (uses: readonly LeaseUse[] | undefined): LeaseUse | null =>
  uses?.find((use) => use.grantedAt === null) ?? null;

/** Says for what is waited, and for whom; since when is for others to say in their own way. */
export function describeWait({ name, heldBy, ahead }: LeaseUse): string {
  if (heldBy === null) return `lease "${name}"`;
  const { run, step, since } = heldBy;
  const holder = `run ${run}${step === null ? '' : ` (step ${step})`}`;
  const others = ahead > 0 ? `, ${ahead} before it` : '';
  return `lease "${name}", held by ${holder} since ${new Date(since).toISOString().slice(0, 16).replace('T', ' ')} UTC${others}`;
}
