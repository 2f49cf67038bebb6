/**
 * Refuses jobs that would wait for each other.
 */
import type { Client } from '@temporalio/client';
import { PlanwrightError } from '../errors.js';
import { knownJob } from './known-jobs.js';
import type { PreparedJob } from './prepare-jobs.js';

/**
 * Looks along what jobs wait for, through the batch and through what is open on the server.
 *
 * @throws PlanwrightError `bad-request` with the way the circle goes
 */
export async function assertNoCircle(
  client: Client,
  queue: string,
  jobs: readonly PreparedJob[],
): Promise<void> {
  const edges = new Map(jobs.map(({ input }) => [input.job.id as string, input.dependsOn]));
  const next = async (id: string): Promise<readonly string[]> => {
    const own = edges.get(id);
    if (own !== undefined) return own;
    const other = await knownJob(client, queue, id);
    // Those of one that has ended are met, or it has failed: neither closes a circle.
    const found = other?.isOpen === true ? other.memo.dependsOn : [];
    edges.set(id, found);
    return found;
  };
  const done = new Set<string>();
  for (const { input } of jobs) {
    const circle = await circleFrom(input.job.id, next, done);
    if (circle === null) continue;
    throw new PlanwrightError('bad-request', `these jobs wait for each other: ${circle.join(' → ')}`, [
      'take one of the dependencies out',
    ]);
  }
}

/** Walks depth first without recursion: a chain may be as long as a batch. */
async function circleFrom(
  start: string,
  next: (id: string) => Promise<readonly string[]>,
  done: Set<string>,
): Promise<string[] | null> {
  const way: { readonly id: string; readonly rest: string[] }[] = [];
  const inWay = new Set<string>();
  const enter = async (id: string): Promise<void> => {
    way.push({ id, rest: [...(await next(id))] });
    inWay.add(id);
  };
  if (!done.has(start)) await enter(start);
  while (way.length > 0) {
    const { id, rest } = way.at(-1)!;
    const other = rest.shift();
    if (other === undefined) {
      done.add(id);
      inWay.delete(id);
      way.pop();
    } else if (inWay.has(other)) {
      const ids = way.map((one) => one.id);
      return [...ids.slice(ids.indexOf(other)), other];
    } else if (!done.has(other)) await enter(other);
  }
  return null;
}
