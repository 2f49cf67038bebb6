/**
 * The jobs of a queue, and what is asked of them often: kept beside them, so that a change does not cost a look at all.
 */

import { JOB_BYTES, WAIT_BYTES, wordBytes } from './pack-queue.js';
import { WaitingLine, type Next } from './waiting-line.js';

/** A job that asks for a place. `execution` tells one run of its workflow from another of the same id. */
export interface JobAsk {
  readonly id: string;
  readonly execution: string;
  /** 0 goes first. */
  readonly rank: number;
  /** When it was submitted; a job that comes back keeps it. Milliseconds since 1970. */
  readonly queuedAt: number;
  readonly dependsOn: readonly string[];
  /** The tool whose breaker it heeds; none for jobs of tools that have none. */
  readonly tool?: string;
}

export interface QueuedJob extends JobAsk {
  /**
   * `held`: its tool is out of order, and it waits for that without a place. `told-off`: it was told that it cannot run,
   * and will say that it has ended.
   */
  readonly state: 'waiting' | 'queued' | 'running' | 'held' | 'told-off';
  /** Of `dependsOn`, or jobs that took over from them: those that have not ended. */
  readonly waitsFor: readonly string[];
  /** What is waited for must have been submitted by then. */
  readonly deadlineAt: number;
}

export class JobTable {
  readonly #jobs = new Map<string, QueuedJob>();
  readonly #running = new Map<string, QueuedJob>();
  readonly #held = new Map<string, QueuedJob>();
  readonly #counts: Record<QueuedJob['state'], number> = {
    ...{ waiting: 0, queued: 0, running: 0, held: 0, 'told-off': 0 },
  };
  /** Who waits for whom, by the name of what is waited for. */
  readonly #waiters = new Map<string, Set<string>>();
  /** In which order jobs came: those that wait for one job are told in this order. */
  readonly #cameAs = new Map<string, number>();
  readonly #line = new WaitingLine((job) => this.#jobs.get(job.id) === job);
  #came = 0;
  #bytes = 0;

  get(id: string): QueuedJob | undefined {
    return this.#jobs.get(id);
  }

  has(id: string): boolean {
    return this.#jobs.has(id);
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** What they take at most when the queue is packed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** All, in the order in which they came; what is changed meanwhile is seen. */
  all(): IterableIterator<QueuedJob> {
    return this.#jobs.values();
  }

  get running(): readonly QueuedJob[] {
    return [...this.#running.values()];
  }

  get held(): readonly QueuedJob[] {
    return [...this.#held.values()];
  }

  count(state: QueuedJob['state']): number {
    return this.#counts[state];
  }

  /** Returns the one of those that are queued that comes first, but of jobs of tools that are out of order. */
  next(rankNow: (job: QueuedJob) => number): Next | null {
    // No other job of the tool gets a place meanwhile: it would hear the same.
    return this.#line.next(new Set(this.held.map(({ tool }) => tool)), rankNow);
  }

  /** Takes in a job, or its change. */
  set(job: QueuedJob): void {
    const before = this.#jobs.get(job.id);
    if (before !== undefined) this.#uncount(before);
    else this.#cameAs.set(job.id, (this.#came += 1));
    this.#counts[job.state] += 1;
    if (job.state === 'running') this.#running.set(job.id, job);
    if (job.state === 'held') this.#held.set(job.id, job);
    this.#bytes += bytesOf(job);
    for (const id of job.waitsFor) {
      const waiters = this.#waiters.get(id);
      if (waiters === undefined) this.#bytes += wordBytes(id);
      this.#waiters.set(id, (waiters ?? new Set()).add(job.id));
    }
    this.#jobs.set(job.id, job);
    if (job.state === 'queued') this.#line.add(job);
  }

  remove(job: QueuedJob): void {
    if (!this.#jobs.has(job.id)) return;
    this.#uncount(job);
    this.#jobs.delete(job.id);
    this.#cameAs.delete(job.id);
  }

  #uncount(job: QueuedJob): void {
    const { id, state, waitsFor } = job;
    this.#counts[state] -= 1;
    this.#bytes -= bytesOf(job);
    this.#running.delete(id);
    this.#held.delete(id);
    for (const other of waitsFor) {
      const waiters = this.#waiters.get(other);
      waiters?.delete(id);
      if (waiters?.size !== 0) continue;
      this.#waiters.delete(other);
      this.#bytes -= wordBytes(other);
    }
  }

  /** Returns the jobs that wait for this one, in the order in which they came. */
  waitersOf(id: string): QueuedJob[] {
    const jobs = [...(this.#waiters.get(id) ?? [])].flatMap((waiter) => this.#jobs.get(waiter) ?? []);
    return jobs
      .filter(({ state }) => state === 'waiting')
      .sort((a, b) => this.#cameAs.get(a.id)! - this.#cameAs.get(b.id)!);
  }

  /** Returns the circle that a job would close, from it to it; null when there is none. */
  circleOf({ id, dependsOn }: JobAsk): string[] | null {
    if (!this.#waiters.has(id) && !dependsOn.includes(id)) return null; // nothing leads to it
    const from = new Map<string, string>(dependsOn.map((other) => [other, id]));
    for (const [other] of from) {
      if (other === id) break;
      for (const next of this.#jobs.get(other)?.waitsFor ?? []) if (!from.has(next)) from.set(next, other);
    }
    if (!from.has(id)) return null;
    const way = [id];
    for (let at = from.get(id)!; at !== id; at = from.get(at)!) way.unshift(at);
    return [id, ...way];
  }
}

/** Beside the names of those that it waits for, and of tools, which several share. */
export const bytesOf = ({ id, waitsFor }: Pick<QueuedJob, 'id' | 'waitsFor'>): number =>
  JOB_BYTES + wordBytes(id) + WAIT_BYTES * waitsFor.length;
