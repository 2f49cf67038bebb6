/**
 * Where Planwright keeps what it must remember: one folder, and the layout of a run's part of it.
 */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * Returns the state directory: `PLANWRIGHT_HOME`, else `$XDG_STATE_HOME/planwright`, else `~/.local/state/planwright`.
 *
 * A relative `XDG_STATE_HOME` is ignored, as the XDG base directory specification asks.
 */
export function stateHome(env: NodeJS.ProcessEnv = process.env): string {
  const own = env['PLANWRIGHT_HOME'];
  if (own) return resolve(own);
  const xdg = env['XDG_STATE_HOME'];
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.local', 'state'), 'planwright');
}

/** Returns the folder for what can be made again: `$XDG_CACHE_HOME/planwright`, else `~/.cache/planwright`. */
export function cacheHome(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_CACHE_HOME'];
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'planwright');
}

// Made by the client from a slug and a ULID; `~<step>` is a sub-plan's run, `~~<n>` a further leg, `@<n>` a round. The alphabet is closed because it becomes a path.
const RUN_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}(~{1,2}[A-Za-z0-9][A-Za-z0-9_.-]{0,127}(@[0-9]{1,3})?)*$/;

export const isRunId = (text: string): boolean => RUN_ID.test(text) && !text.includes('..');

/**
 * Returns the directory of one run: its record, logs and reports.
 *
 * @throws RangeError when `runId` could leave the state directory
 */
export function runDirectory(home: string, runId: string): string {
  if (!isRunId(runId)) throw new RangeError(`"${runId}" is not a run id`);
  return join(home, 'runs', runId);
}
