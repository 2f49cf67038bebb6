/**
 * Which workstreams of a set can never start, and why.
 */
import { cyclesOf, graphOf } from '../../plan/graph.js';
import type { Problem } from '../../plan/load/diagnostics.js';
import { nearest } from '../../plan/nearest.js';
import { quote } from '../../plan/quote.js';
import type { WorkstreamId } from '../workstream.js';
import type { LoadedSet, Malformed } from './load-set.js';
import type { Draft } from './read-bundles.js';

/** Finds the workstreams that can never start: those with an unknown dependency or in a circle, and all below them. */
export function findBlocked(
  drafts: readonly Draft[],
  malformed: readonly Malformed[],
  problems: Problem[],
): Pick<LoadedSet, 'blocked' | 'cycles'> {
  const reasons = new Map<string, string>();
  const known = new Map(drafts.map((draft) => [draft.id, draft]));
  const refused = new Map(malformed.map((one) => [one.id, one]));
  const report = (
    draft: Draft,
    code: Problem['code'],
    on: string,
    message: string,
    hint: string | null,
  ): void => {
    const at = draft.workstream!.dependsOn.indexOf(on as WorkstreamId);
    const path = ['depends_on', Math.max(at, 0)];
    problems.push({ code, severity: 'error', file: draft.file, ...draft.place(path), path, message, hint });
    if (!reasons.has(draft.id)) reasons.set(draft.id, message);
  };
  for (const draft of drafts) {
    for (const on of draft.workstream!.dependsOn) {
      if (known.has(on)) continue;
      const subject = `workstream ${quote(draft.id)} depends on ${quote(on)}`;
      const bad = refused.get(on);
      if (bad !== undefined) {
        const place = `${bad.file}:${bad.line}:${bad.column}`;
        report(
          draft,
          'unknown-workstream',
          on,
          `${subject}, which is malformed (${place})`,
          'mend that one first',
        );
      } else {
        const meant = nearest(on, known.keys());
        const hint = meant === null ? null : `did you mean ${quote(meant)}?`;
        report(draft, 'unknown-workstream', on, `${subject}, which is not in this set`, hint);
      }
    }
  }
  const graph = graphOf(drafts.map(({ id, workstream }) => ({ id, dependsOn: workstream!.dependsOn })));
  const cycles = cyclesOf(graph).map((cycle) => cycle.map((index) => drafts[index]!.id as WorkstreamId));
  for (const cycle of cycles) {
    const drawn = [...cycle, cycle[0]!].join(' → ');
    report(
      known.get(cycle[0]!)!,
      'cycle',
      cycle[1] ?? cycle[0]!,
      `circular dependency: ${drawn}`,
      'take one of these dependencies out',
    );
    for (const id of cycle) if (!reasons.has(id)) reasons.set(id, `circular dependency: ${drawn}`);
  }
  const dependents = new Map<string, string[]>();
  for (const { id, workstream } of drafts) {
    for (const on of workstream!.dependsOn) dependents.set(on, [...(dependents.get(on) ?? []), id]);
  }
  const queue = [...reasons.keys()];
  for (let next = 0; next < queue.length; next += 1) {
    for (const id of dependents.get(queue[next]!) ?? []) {
      if (reasons.has(id)) continue;
      reasons.set(
        id,
        `depends on ${quote(queue[next]!)}, which is blocked: ${reasons.get(queue[next]!)!.replace(/^depends on .*?, which is blocked: /, '')}`,
      );
      queue.push(id);
    }
  }
  const blocked = [...reasons]
    .map(([id, reason]) => ({ id: id as WorkstreamId, reason }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return { blocked, cycles };
}
