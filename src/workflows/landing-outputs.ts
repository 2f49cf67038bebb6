/**
 * What a landing leaves among its step's outputs: what became of each patch, and as much of the rest as a record can hold.
 * The whole report is the result of the landing's own workflow.
 */
import type { Fate } from '../landing/landing.js';
import type { Json } from '../plan/plan.js';
import { countsOf, haltText, whyOf } from './landing-details.js';
import type { LandingReport, StrayReport } from './landing-api.js';

/** A query answers with less than 2 MiB, all steps together; most of what is here is read once, by the report. */
const MAX_CHARS = 200_000;
const MAX_WHY = 300;

export function landingOutputs(report: LandingReport): Readonly<Record<string, Json>> {
  const { fates, conflicts, gateRuns, gateRunsOmitted, moves, tip, halt, strays, canceled } = report;
  const patches = Object.entries(fates).map(([workstream, { fate, at }]) => ({
    workstream,
    state: fate.kind,
    at,
    tree: 'proof' in fate ? fate.proof.tree : null,
    reason: whyNotLanded(fate, halt).slice(0, MAX_WHY) || null,
  }));
  const runs = gateRuns.map(({ gate, tree, patches: held, result, startedAt, endedAt }) => {
    return { gate, tree, patches: held, result, startedAt, endedAt };
  });
  const kept = newest(runs, MAX_CHARS - JSON.stringify([patches, conflicts]).length);
  const outputs = {
    tip,
    counts: countsOf(fates),
    halt: halt as Json,
    canceled,
    moves,
    ...(strays === undefined ? {} : { strays: strays as unknown as Json }),
    patches,
    conflicts: conflicts as unknown as Json,
    gateRuns: kept,
    gateRunsOmitted: gateRunsOmitted + runs.length - kept.length,
  };
  return outputs;
}

/** Notes that a tool had moved the branch. */
export function noteStrays(report: LandingReport, strays: readonly StrayReport[]): void {
  if (strays.length > 0) report.strays = [...(report.strays ?? []), ...strays];
}

/**
 * Says in a line why not everything landed; null when it did.
 *
 * @param branch - empty: nothing was to land, and a patch that is proven is all right
 * @param missing - workstreams that came to no patch, though they should have
 */
export function whyNotAll(
  { fates, halt }: LandingReport,
  branch: string,
  missing: readonly string[],
): string | null {
  const good: Fate['kind'] = branch === '' ? 'approved' : 'landed';
  const bad = Object.entries(fates).filter(([, { fate }]) => fate.kind !== good && fate.kind !== 'withdrawn');
  if (bad.length + missing.length === 0 && halt === null) return null;
  // What stopped the landing is said once, before the patches that are not there for another reason.
  const stopped = halt === null ? [] : [haltText(halt)];
  const own = bad.filter(([, { fate }]) => halt === null || !isHeldUp(fate));
  const all = [
    ...own.map(([workstream, { fate }]) => `${workstream}: ${whyOf(fate) || fate.kind}`),
    ...missing.map((workstream) => `${workstream}: brought no patch that may land`),
  ];
  const shown = all.slice(0, 3);
  const more = all.length > shown.length ? [`and ${all.length - shown.length} more`] : [];
  return [countsOf(fates), ...stopped, ...shown, ...more].filter(Boolean).join('; ').slice(0, 1000);
}

/** Says whether it is the landing's own end that keeps a patch from the branch. */
const isHeldUp = ({ kind }: Fate): boolean => kind === 'held' || kind === 'approved';

/** A patch that passed its gates has nothing against it: what stopped the landing is why it is not there. */
const whyNotLanded = (fate: Fate, halt: LandingReport['halt']): string =>
  fate.kind === 'approved' && halt !== null ? haltText(halt) : whyOf(fate);

/** Returns as many of the last as fit. */
function newest<T>(all: readonly T[], chars: number): readonly T[] {
  let from = all.length;
  for (let left = chars; from > 0; from -= 1) {
    left -= JSON.stringify(all[from - 1]).length + 1;
    if (left < 0) break;
  }
  return all.slice(from);
}
