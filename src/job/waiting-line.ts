/**
 * Who of the jobs that wait for a place comes next, without a look at all of them.
 *
 * Ageing turns no two jobs round that were submitted with one priority. So those of one priority and one tool stand in one line,
 * and only the first ones of the lines are compared, as often as their ranks change.
 */
import type { QueuedJob } from './job-table.js';

export interface Next {
  readonly job: QueuedJob;
  /** With what it has gained by waiting. */
  readonly rank: number;
}

export class WaitingLine {
  readonly #lines = new Map<string, Heap>();

  /** @param isCurrent - whether a job is still what it was when it was added; one that is not is passed over */
  constructor(private readonly isCurrent: (job: QueuedJob) => boolean) {}

  add(job: QueuedJob): void {
    const key = `${job.rank} ${job.tool ?? ''}`;
    const line = this.#lines.get(key) ?? new Heap();
    this.#lines.set(key, line.with(job));
  }

  /** Returns the one that comes first, null when there is none; it stays in its line until it is something else. */
  next(barred: ReadonlySet<string | undefined>, rankNow: (job: QueuedJob) => number): Next | null {
    let best: Next | null = null;
    for (const line of this.#lines.values()) {
      const job = line.first(this.isCurrent);
      if (job === null || (job.tool !== undefined && barred.has(job.tool))) continue;
      const rank = rankNow(job);
      if (best === null || isBefore(job, rank, best.job, best.rank)) best = { job, rank };
    }
    return best;
  }
}

/** Jobs of one rank, the one that comes first on top: no job comes before the one at half its place. */
class Heap {
  readonly #jobs: QueuedJob[] = [];

  with(job: QueuedJob): this {
    let at = this.#jobs.push(job) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isFirst(job, this.#jobs[above]!)) break;
      this.#jobs[at] = this.#jobs[above]!;
      at = above;
    }
    this.#jobs[at] = job;
    return this;
  }

  first(isCurrent: (job: QueuedJob) => boolean): QueuedJob | null {
    for (let [top] = this.#jobs; top !== undefined; [top] = this.#jobs) {
      if (isCurrent(top)) return top;
      this.#drop();
    }
    return null;
  }

  #drop(): void {
    const last = this.#jobs.pop()!;
    const size = this.#jobs.length;
    if (size === 0) return;
    let at = 0;
    for (let below = 1; below < size; below = 2 * at + 1) {
      if (below + 1 < size && isFirst(this.#jobs[below + 1]!, this.#jobs[below]!)) below += 1;
      if (!isFirst(this.#jobs[below]!, last)) break;
      this.#jobs[at] = this.#jobs[below]!;
      at = below;
    }
    this.#jobs[at] = last;
  }
}

const isFirst = (a: QueuedJob, b: QueuedJob): boolean => isBefore(a, 0, b, 0);

/** By priority, then by time, then by name. */
export function isBefore(a: QueuedJob, rankA: number, b: QueuedJob, rankB: number): boolean {
  if (rankA !== rankB) return rankA < rankB;
  if (a.queuedAt !== b.queuedAt) return a.queuedAt < b.queuedAt;
  return a.id < b.id;
}
