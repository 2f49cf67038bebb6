/**
 * Being told to end: what runs is ended, nothing new begins, and what must not stop half-way is seen through.
 *
 * A process is told once, by a signal, so this is a fact of the process.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

let told = false;
const ends = new Set<() => void>();
const effect = new AsyncLocalStorage<true>();

/** Tells whether the process was told to end, and the work that asks may be dropped. */
export const mustEnd = (): boolean => told && effect.getStore() === undefined;

/** Ends what runs and may be dropped. From here on no other such work begins. */
export function tellToEnd(): void {
  told = true;
  for (const end of ends) end();
}

/**
 * Has `end` called when the process is told to end, and when it exits while this still runs; not within `seeThrough`
 * before the exit.
 *
 * @returns what takes it back
 */
export function whenToldToEnd(end: () => void): () => void {
  const dropped = effect.getStore() === undefined;
  if (dropped) ends.add(end);
  exits.add(end);
  if (exits.size === 1) process.once('exit', endAll);
  return () => {
    ends.delete(end);
    exits.delete(end);
    if (exits.size === 0) process.removeListener('exit', endAll);
  };
}

const exits = new Set<() => void>();
const endAll = (): void => {
  for (const end of exits) end();
};

/** Does something that is worse half-done than late: moving a branch with its files, putting things back. */
export const seeThrough = <Value>(work: () => Promise<Value>): Promise<Value> => effect.run(true, work);
