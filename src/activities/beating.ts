/**
 * Heartbeats for short work: a worker that dies under it is noticed within seconds, not when its time is over.
 */
import { Context } from '@temporalio/activity';

const BEAT_MS = 1_000;

/** Returns the activity, heard of while it runs. */
export const beating =
  <Task, Done>(activity: (task: Task) => Promise<Done>): ((task: Task) => Promise<Done>) =>
  async (task) => {
    const context = Context.current();
    const beats = setInterval(() => context.heartbeat(), BEAT_MS);
    try {
      return await activity(task);
    } finally {
      clearInterval(beats);
    }
  };
