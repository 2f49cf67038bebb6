/**
 * How a landing stands, in numbers.
 */
import { treeOf } from './gates.js';
import type { Fate, Landing, PatchId } from './landing.js';

/** Each patch is counted once, but for `conflicts`: patches that conflicted, whatever became of them. */
export type LandingCounts = Readonly<Record<(typeof STANDS)[number] | 'conflicts', number>>;

const STANDS = [
  ...(['landed', 'approved', 'in_gate', 'resolving', 'waiting', 'to_come'] as const),
  ...(['quarantined', 'blocked', 'held', 'withdrawn'] as const),
];

/**
 * Counts the patches of a queue by where they stand.
 *
 * @param expected - workstreams that may have a patch yet
 * @param moves - false: there is no branch, and proven is all that a patch can be
 */
export function landingCounts(
  landing: Landing,
  {
    expected,
    conflicts,
    moves,
  }: { readonly expected: number; readonly conflicts: number; readonly moves: boolean },
): LandingCounts {
  const atWork = patchesAtWork(landing);
  const standOf = (patch: PatchId, { kind }: Fate): (typeof STANDS)[number] => {
    if (kind === 'landed') return moves ? 'landed' : 'approved';
    return kind === 'waiting' ? (atWork.get(patch) ?? 'waiting') : kind;
  };
  const stands = Object.values(landing.patches).map(({ id, fate }) => standOf(id, fate));
  const counts = Object.fromEntries(
    STANDS.map((stand) => [stand, stands.filter((one) => one === stand).length]),
  ) as Record<(typeof STANDS)[number], number>;
  return { ...counts, to_come: expected, conflicts };
}

/** Says of undecided patches whether a tree with them on top is in a gate, or their conflicts are being resolved. */
export function patchesAtWork({
  candidates,
  runs,
  patches,
}: Landing): ReadonlyMap<PatchId, 'in_gate' | 'resolving'> {
  const trees = new Set(Object.values(runs).map(({ tree }) => tree));
  const found = new Map<PatchId, 'in_gate' | 'resolving'>();
  for (const candidate of Object.values(candidates)) {
    const tree = treeOf(candidate);
    const stand =
      candidate.state.kind === 'resolving'
        ? 'resolving'
        : tree !== null && trees.has(tree)
          ? 'in_gate'
          : null;
    if (stand === null) continue;
    for (const patch of candidate.patches)
      if (patches[patch]?.fate.kind === 'waiting' && found.get(patch) !== 'in_gate') found.set(patch, stand);
  }
  return found;
}

/** Says counts in words, without those that are none: `12 landed, 3 in gate, 1 conflict`. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(
      ([stand, count]) =>
        `${count} ${count === 1 && stand === 'conflicts' ? 'conflict' : stand.replace('_', ' ')}`,
    )
    .join(', ');
}
