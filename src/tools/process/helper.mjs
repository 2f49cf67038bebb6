// @ts-check
/**
 * Program: starts small programs for a worker, and sends back what they came to (`run-program.ts`).
 *
 * To start a process, the kernel copies the page tables of the one that asks: milliseconds for a worker with hundreds of
 * megabytes, in which it does nothing else. This one is small.
 *
 * When its worker is gone it takes no more orders; what runs comes to its end, as children of a killed process do.
 */
import { runHere } from './run-here.mjs';

/** @typedef {import('./run-here.mjs').RunningProgram} RunningProgram */

/**
 * @typedef {{ readonly id: number, readonly call: import('./run-here.mjs').ProgramCall }
 *   | { readonly id: number, readonly kill: NodeJS.Signals }} HelperOrder
 */

/** @typedef {{ readonly id: number, readonly end: import('./run-here.mjs').ProgramEnd }} HelperNews */

/** @type {Map<number, RunningProgram>} */
const running = new Map();

process.on('message', (/** @type {HelperOrder} */ order) => {
  if ('kill' in order) return running.get(order.id)?.kill(order.kill);
  const program = runHere(order.call);
  running.set(order.id, program);
  void program.ended.then((end) => {
    running.delete(order.id);
    if (process.connected) process.send?.({ id: order.id, end });
  });
});
