/**
 * Setting refs of our own, which nobody else moves.
 */
import { seeThrough } from '../git/ending.js';
import { moveRefs, type RefMove } from '../git/refs.js';
import type { Repository } from '../git/repository.js';
import { type ReasonCode, stopped } from './reasons.js';

/**
 * Sets refs below `refs/planwright/`, whatever they were.
 *
 * @throws Stopped when a lock file is in the way
 */
export async function setOwnRefs(
  repository: Repository,
  refs: Readonly<Record<string, string | null>>,
  reason: string,
  reasonCode: ReasonCode,
): Promise<void> {
  const moves = Object.entries(refs).map(([ref, to]): RefMove => ({ ref, from: 'any', to }));
  if (moves.length === 0) return;
  const moved = await seeThrough(() => moveRefs(repository, moves, `planwright: ${reason}`));
  if (moved.kind !== 'locked') return;
  throw stopped(reasonCode, 1, {
    code: 'lock_file_present',
    message: `another git is at work, or was killed: "${moved.lock}" is there.`,
    hint: `Wait for it. If no git runs in this repository: rm "${moved.lock}"`,
  });
}
