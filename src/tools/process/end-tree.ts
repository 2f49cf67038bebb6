/**
 * Ends a command that another worker started, or that this one has lost sight of.
 */
import { lifeOf, type ProcessIdentity } from '../../os/process-identity.mjs';
import type { ContainmentMode } from './containment.js';
import { killAndWait } from './death.js';
import { killMarked } from './marked.js';

/** What is remembered of a command. */
export interface TreeTrace {
  /** `ProcessTree.identity`; null when its start was never confirmed. */
  readonly identity: ProcessIdentity | null;
  readonly mark: string;
  readonly mode: ContainmentMode;
}

/** Kills all that is left of a command, and nothing else; false when something is still there after `withinMs`. */
export async function endTree({ identity, mark, mode }: TreeTrace, withinMs: number): Promise<boolean> {
  // Its group first: without /proc nobody could find the others once the command itself is dead.
  if (mode === 'group' && identity !== null && lifeOf(identity) === 'alive') killGroup(identity.pid);
  const dead = identity === null || (await killAndWait(identity, withinMs));
  return (mode !== 'group' || (await killMarked(mark, withinMs))) && dead;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}
