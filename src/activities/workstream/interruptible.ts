/**
 * Work of an activity that starts commands: heard of while it goes on, and ended when it is called back.
 */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { MachineTrouble } from '../machine-trouble.js';
import { Interrupted } from './start-line.js';

const BEAT_MS = 1_000;

/** Does the work; what is the machine's fault, or the worker's end, is said so that it is tried again. */
export async function interruptible<T>(stage: string, work: (context: Context) => Promise<T>): Promise<T> {
  const context = Context.current();
  const beats = setInterval(() => context.heartbeat({ stage, since: 0 }), BEAT_MS);
  try {
    return await work(context);
  } catch (error) {
    if (error instanceof Interrupted && context.cancellationSignal.aborted)
      throw context.cancellationSignal.reason;
    const isTrouble = error instanceof MachineTrouble || error instanceof Interrupted;
    throw isTrouble
      ? ApplicationFailure.create({ type: 'MachineTrouble', message: error.message, nextRetryDelay: 1_000 })
      : error;
  } finally {
    clearInterval(beats);
  }
}
