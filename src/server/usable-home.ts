/**
 * The state directory must be ours before anything is started in it.
 */
import { makeFolder } from '../os/state-folder.js';
import { SetupError } from './setup-error.js';

/**
 * Makes the state directory.
 *
 * @throws SetupError when it cannot be made, read or written
 */
export function usableHome(home: string): void {
  const why = makeFolder(home);
  if (why !== null) throw unusableHome(home, why);
}

export const unusableHome = (home: string, why: string): SetupError =>
  new SetupError(`The state directory "${home}" cannot be used: ${why}`, [
    'make it a folder that you can write to',
    'or name another one: PLANWRIGHT_HOME=<folder>',
  ]);
