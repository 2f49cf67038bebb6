/**
 * Which patches a workstream starts with and a landing lands: those of all workstreams above it, however far.
 */
import { graphOf, levelsOf } from '../graph.js';
import type { LandingEntry, Step, WorkstreamId } from '../plan.js';

/** Returns the steps with their patches filled in. In a circle nobody is above anybody. */
export function fillPatches(steps: readonly Step[]): readonly Step[] {
  if (!steps.some(({ work }) => work.kind === 'workstream' || work.kind === 'landing')) return steps;
  const byId = new Map<string, Step>(steps.map((step) => [step.id, step]));
  /** The workstreams above each step, those that land first at the front. */
  const above = new Map<string, ReadonlySet<WorkstreamId>>();
  const levels = new Map<WorkstreamId, number>();
  const inOrder = levelsOf(graphOf(steps))
    .flat()
    .map((index) => steps[index]!);
  for (const { id, work, dependsOn } of inOrder) {
    const found = new Set<WorkstreamId>();
    for (const on of dependsOn) {
      for (const further of above.get(on) ?? []) found.add(further);
      const below = byId.get(on)?.work;
      if (below?.kind === 'workstream') found.add(below.workstream);
    }
    above.set(id, found);
    if (work.kind === 'workstream')
      levels.set(work.workstream, Math.max(-1, ...[...found].map((one) => levels.get(one)!)) + 1);
  }
  const place = new Map(inOrder.map(({ id }, at) => [id as string, at]));
  const sorted = (id: string): WorkstreamId[] =>
    [...(above.get(id) ?? [])].sort(
      (a, b) => levels.get(a)! - levels.get(b)! || place.get(a)! - place.get(b)!,
    );
  const entry = (workstream: WorkstreamId): LandingEntry => ({
    workstream,
    dependsOn: sorted(workstream),
    priority: byId.get(workstream)!.priority === 'low' ? 'background' : 'foreground',
    level: levels.get(workstream)!,
  });
  return steps.map((step) => {
    const { work } = step;
    if (work.kind === 'workstream') return { ...step, work: { ...work, startsWith: sorted(step.id) } };
    return work.kind === 'landing'
      ? { ...step, work: { ...work, patches: sorted(step.id).map(entry) } }
      : step;
  });
}
