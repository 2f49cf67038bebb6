/**
 * Pausing a run and letting it go on, each noted with who said so and why.
 */
import type { PausedBy, PauseNote } from './record.js';
import type { Run } from './run.js';

/** Notes that are kept, the newest: they travel with the run's head. */
const KEPT = 50;

/** Returns who paused the run or let it go on last. */
export function lastSaid({ pauses }: Run): PausedBy | null {
  const last = pauses.at(-1);
  return last === undefined ? null : { reason: last.reason, actor: last.actor };
}

/**
 * Lets nothing start from here on, or lets it again.
 *
 * @param by - null when nobody said who they are
 */
export function setPaused(run: Run, paused: boolean, by: PausedBy | null, at: number): void {
  const note: PauseNote = { paused, reason: by?.reason ?? '', actor: by?.actor ?? 'unknown', at };
  run.paused = paused;
  run.pausedBy = paused ? by : null;
  run.pauses = [...run.pauses, note].slice(-KEPT);
  run.revision += 1;
}
