/**
 * The order in which patches land: by priority, dependency level, age and id; never before what they depend on.
 */
import type { Landable, PatchId } from './landing.js';

const compare = (a: Landable, b: Landable): number =>
  Number(a.priority === 'background') - Number(b.priority === 'background') ||
  a.level - b.level ||
  a.createdAt - b.createdAt ||
  (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/**
 * Returns patches in landing order. The same set gives the same order, however it is written.
 *
 * A patch that others with a better place depend on is drawn forward with them. Those in a circle come last, by the same
 * rule: the queue finds them blocked.
 */
export function landingOrder(patches: readonly Landable[]): Landable[] {
  const sorted = [...patches].sort(compare);
  const byId = new Map(sorted.map((patch) => [patch.id, patch]));
  const placed = new Set<PatchId>();
  const order: Landable[] = [];
  for (const patch of sorted) {
    // Depth first, written out: a chain may be as long as the set.
    const path: { patch: Landable; rest: PatchId[] }[] = [];
    const enter = (next: Landable): void => {
      placed.add(next.id);
      const above = next.dependsOn.map((id) => byId.get(id)).filter((one) => one !== undefined);
      path.push({ patch: next, rest: above.sort(compare).map(({ id }) => id) });
    };
    if (!placed.has(patch.id)) enter(patch);
    while (path.length > 0) {
      const here = path.at(-1)!;
      const id = here.rest.shift();
      if (id === undefined) order.push(path.pop()!.patch);
      else if (!placed.has(id)) enter(byId.get(id)!);
    }
  }
  return order;
}
