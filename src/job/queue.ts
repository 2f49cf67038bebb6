/**
 * The queue of jobs: who has a place, who is next, who waits for whom. Pure: time comes in as an argument, and what the
 * jobs are to be told goes out as news.
 */
import type { FinalJobState } from './job.js';
import { bytesOf, JobTable, type JobAsk, type QueuedJob } from './job-table.js';
import { MOST_PACKED_BYTES, TOLD_BYTES, wordBytes } from './pack-queue.js';
import { isBefore } from './waiting-line.js';

/** A queue on its way to the next execution of its workflow. */
export interface QueueState {
  readonly name: string;
  /** How many jobs may run at once. 0: the workers are stopped. */
  readonly places: number;
  /** A job that waits so long for a place moves up by one priority, again and again; 0: never. */
  readonly ageingMs: number;
  /** So long a job waits for one that nobody has submitted. */
  readonly unknownMs: number;
  readonly jobs: readonly QueuedJob[];
  /** What jobs are still to be told; of those that the queue does not know `execution` says which they are. */
  readonly told?: readonly { readonly id: string; readonly news: JobNews; readonly execution?: string }[];
}

export const newQueue = (name: string): QueueState => ({
  name,
  places: 0,
  ageingMs: 15 * 60_000,
  unknownMs: 60 * 60_000,
  jobs: [],
});

/** How a job ended, as far as others depend on it. */
export type JobEnding =
  | { readonly state: Exclude<FinalJobState, 'escalated'> }
  | { readonly state: 'escalated'; readonly to: string };

/** What a job of this id is, by the server: null for none. */
export type Found = JobEnding | { readonly state: 'open' } | null;

/** What a job is told. */
export type JobNews =
  | { readonly kind: 'go'; readonly rank: number }
  /** What it depends on is there; it waits for a place now. */
  | { readonly kind: 'queued' }
  /** `isForgotten`: the queue takes it for ended already, and need not be told. */
  | { readonly kind: 'fail'; readonly reason: string; readonly isForgotten?: true }
  /** The queue knows as many jobs as it can hand on, and has not taken it in: it is to ask again later. */
  | { readonly kind: 'full' };

export interface Told {
  readonly job: Pick<JobAsk, 'id' | 'execution'>;
  readonly news: JobNews;
}

export class JobQueue {
  readonly name: string;
  places: number;
  ageingMs: number;
  unknownMs: number;
  readonly #jobs = new JobTable();
  /** Ids that are waited for and are not in the queue: to be looked for, or looked for already. */
  readonly #outside = new Map<string, 'to-find' | 'finding' | 'unknown' | 'open'>();
  /** Once those that are looked for are found: what is unknown then will not come any more. */
  #sealing = false;
  readonly #told: Told[] = [];
  /** What the news for those that the queue does not know take when it is packed. */
  #toldBytes = 0;

  /**
   * @param forgets - whether a job that is told off is over for the queue at once, so that thousands of them need not say so one by
   *   one; else it stays until it has said it, as queues of before do
   */
  constructor(
    { name, places, ageingMs, unknownMs, jobs, told = [] }: QueueState,
    private readonly forgets = true,
    private readonly mostBytes = MOST_PACKED_BYTES,
  ) {
    this.name = name;
    this.places = places;
    this.ageingMs = ageingMs;
    this.unknownMs = unknownMs;
    for (const job of jobs) this.#jobs.set(job);
    for (const job of jobs) this.#lookOutside(job);
    for (const { id, news, execution } of told) {
      const job = execution === undefined ? this.#jobs.get(id) : { id, execution };
      if (job !== undefined) this.#tell(job, news);
    }
  }

  state(): QueueState {
    const { name, places, ageingMs, unknownMs } = this;
    const told = this.#told.map(({ job: { id, execution }, news }) =>
      isToStranger(news) ? { id, news, execution } : { id, news },
    );
    return { name, places, ageingMs, unknownMs, jobs: [...this.#jobs.all()], told };
  }

  get size(): number {
    return this.#jobs.size;
  }

  get running(): readonly QueuedJob[] {
    return this.#jobs.running;
  }

  get held(): readonly QueuedJob[] {
    return this.#jobs.held;
  }

  count(state: QueuedJob['state']): number {
    return this.#jobs.count(state);
  }

  /** Returns those that come first by their own priority, in order: at most so many, of these states (of all when none is named). */
  first(most: number, states: readonly string[]): { readonly ids: string[]; readonly known: number } {
    const jobs = [...this.#jobs.all()].filter(
      ({ state }) =>
        states.length === 0 || states.includes(state === 'held' || state === 'told-off' ? 'waiting' : state),
    );
    jobs.sort((a, b) => (isBefore(a, a.rank, b, b.rank) ? -1 : 1));
    return { ids: jobs.slice(0, most).map(({ id }) => id), known: jobs.length };
  }

  /** Takes in a job that wants to run. Who asks twice has not heard. */
  ask(ask: JobAsk, now: number): void {
    const before = this.#jobs.get(ask.id);
    if (before?.execution === ask.execution) {
      if (before.state === 'running') this.#tell(before, { kind: 'go', rank: before.rank });
      return;
    }
    if (before !== undefined) this.#jobs.remove(before);
    if (this.#isFullFor(ask)) {
      this.#tell(ask, { kind: 'full' });
      return;
    }
    const circle = this.#jobs.circleOf(ask);
    if (circle !== null) {
      const reason = `its dependencies go in a circle: ${circle.join(' → ')}`;
      this.#refuse({ ...ask, state: 'waiting', waitsFor: [], deadlineAt: now }, reason);
      return;
    }
    this.#outside.delete(ask.id);
    const waitsFor = [...new Set(ask.dependsOn)];
    const state = waitsFor.length === 0 ? 'queued' : 'waiting';
    const job: QueuedJob = { ...ask, state, waitsFor, deadlineAt: now + this.unknownMs };
    this.#jobs.set(job);
    this.#lookOutside(job);
  }

  /** Takes in the end of a job, or that it gave its place back (`null`) and will ask again. */
  end(id: string, execution: string, how: JobEnding | null): void {
    const job = this.#jobs.get(id);
    // An old execution of a job that was replaced says nothing of the new one.
    if (job !== undefined && job.execution !== execution) return;
    if (job !== undefined) this.#jobs.remove(job);
    if (how !== null) this.#settle(id, how);
  }

  /** Takes in that a job's tool is out of order: it gives its place back and keeps its time. Or that the tool may be used again. */
  hold(id: string, execution: string, isHeld: boolean): void {
    const job = this.#jobs.get(id);
    if (job?.execution !== execution || job.state !== (isHeld ? 'running' : 'held')) return;
    this.#jobs.set({ ...job, state: isHeld ? 'held' : 'queued' });
  }

  /** Gives free places to those that come first. */
  grant(now: number): void {
    const free = this.places - this.#jobs.count('running');
    if (free <= 0) return;
    for (let count = 0; count < free; count += 1) {
      const next = this.#jobs.next((job) => this.#rankNow(job, now));
      if (next === null) return;
      this.#jobs.set({ ...next.job, state: 'running' });
      this.#tell(next.job, { kind: 'go', rank: next.rank });
    }
  }

  /** Returns ids that the server is to be asked about; they are not returned again. */
  takeToFind(most: number): string[] {
    const ids: string[] = [];
    for (const [id, how] of this.#outside) {
      if (how !== 'to-find') continue;
      if (ids.length >= most) break;
      ids.push(id);
      this.#outside.set(id, 'finding');
    }
    return ids;
  }

  get isFinding(): boolean {
    return [...this.#outside.values()].some((how) => how === 'to-find' || how === 'finding');
  }

  /** Takes in what the server said. */
  found(results: Readonly<Record<string, Found>>, now: number): void {
    for (const [id, found] of Object.entries(results)) {
      if (!this.#outside.has(id)) continue; // it has asked meanwhile
      if (found === null || found.state === 'open') {
        this.#outside.set(id, found === null ? 'unknown' : 'open');
        continue;
      }
      this.#outside.delete(id);
      this.#settle(id, found);
    }
    if (this.isFinding) return;
    const isSealing = this.#sealing;
    this.#sealing = false;
    for (const job of [...this.#jobs.all()]) {
      if (job.state !== 'waiting' || (!isSealing && job.deadlineAt > now)) continue;
      if (!this.#jobs.has(job.id)) continue; // with one that was told off before
      const missing = job.waitsFor.find((id) => this.#outside.get(id) === 'unknown');
      if (missing === undefined) continue;
      const why = isSealing
        ? 'was not submitted before the queue was sealed'
        : `was not submitted within ${Math.round(this.unknownMs / 1000)} s`;
      this.#refuse(job, `dependency "${missing}" ${why}`);
    }
  }

  /** Nothing more comes: jobs that wait for what nobody submitted fail, once the server has been asked again. */
  seal(): void {
    this.#sealing = true;
    for (const id of this.#outside.keys()) this.#outside.set(id, 'to-find');
  }

  get isSealing(): boolean {
    return this.#sealing;
  }

  /** Looks for overdue jobs: what they wait for is asked about again; so are jobs that are open and have not asked for a place. */
  lookAtDeadlines(now: number): void {
    // One that was told off and had not ended yet when it was asked about: nobody else says that it has.
    if (this.forgets)
      for (const [id, how] of this.#outside) if (how === 'open') this.#outside.set(id, 'to-find');
    for (const job of this.#jobs.all()) {
      if (job.state !== 'waiting' || job.deadlineAt > now) continue;
      for (const id of job.waitsFor) if (this.#outside.has(id)) this.#outside.set(id, 'to-find');
    }
  }

  get hasOutside(): boolean {
    return this.#outside.size > 0;
  }

  get hasTold(): boolean {
    return this.#told.length > 0;
  }

  /** Returns what jobs are to be told, the oldest first; it is not returned again. */
  takeTold(most = Infinity): Told[] {
    const taken = this.#told.splice(0, Math.min(most, this.#told.length));
    for (const told of taken) this.#toldBytes -= toldBytes(told);
    return taken;
  }

  /** Whether it would be too much for one message: it is not handed on before some of the news are told. */
  get isBulky(): boolean {
    return this.#toldBytes > 0 && this.#jobs.bytes + this.#toldBytes > this.mostBytes;
  }

  #isFullFor(ask: JobAsk): boolean {
    const names = ask.dependsOn.reduce((bytes, id) => bytes + wordBytes(id), 0);
    const more = bytesOf({ ...ask, waitsFor: ask.dependsOn }) + names;
    return this.#jobs.bytes + this.#toldBytes + more > this.mostBytes;
  }

  #rankNow({ rank, queuedAt }: QueuedJob, now: number): number {
    if (this.ageingMs === 0) return rank;
    return Math.max(0, rank - Math.floor(Math.max(0, now - queuedAt) / this.ageingMs));
  }

  #tell(job: Told['job'], news: JobNews): void {
    const told: Told = { job, news };
    this.#told.push(told);
    this.#toldBytes += toldBytes(told);
  }

  /** A job that cannot run: it is told, and those that wait for it cannot either. */
  #refuse(job: QueuedJob, reason: string): void {
    this.#tellOff(job, reason);
    if (this.forgets) this.#settle(job.id, { state: 'failed' });
  }

  #tellOff(job: QueuedJob, reason: string): void {
    if (this.forgets) this.#jobs.remove(job);
    else this.#jobs.set({ ...job, state: 'told-off', waitsFor: [] });
    this.#tell(job, { kind: 'fail', reason, ...(this.forgets ? { isForgotten: true } : {}) });
  }

  #lookOutside({ waitsFor }: QueuedJob): void {
    for (const id of waitsFor) if (!this.#jobs.has(id)) this.#outside.set(id, 'to-find');
  }

  /** Takes in how a job ended. Its end may be that of others, and so on down a chain of any length. */
  #settle(id: string, how: JobEnding): void {
    const ended: [id: string, how: JobEnding][] = [[id, how]];
    for (let next = ended.shift(); next !== undefined; next = ended.shift()) {
      const [over, end] = next;
      for (const job of this.#jobs.waitersOf(over)) {
        switch (end.state) {
          case 'completed':
            this.#waitFor(
              job,
              job.waitsFor.filter((other) => other !== over),
            );
            break;
          case 'escalated':
            this.#waitFor(job, [...new Set(job.waitsFor.map((other) => (other === over ? end.to : other)))]);
            break;
          case 'failed':
          case 'cancelled':
            this.#tellOff(job, `dependency "${over}" ${end.state === 'failed' ? 'failed' : 'was cancelled'}`);
            if (this.forgets) ended.push([job.id, { state: 'failed' }]);
            break;
          default:
            end satisfies never;
        }
      }
    }
  }

  #waitFor(job: QueuedJob, waitsFor: readonly string[]): void {
    const isReady = waitsFor.length === 0;
    const changed: QueuedJob = { ...job, waitsFor, state: isReady ? 'queued' : 'waiting' };
    this.#jobs.set(changed);
    if (isReady) this.#tell(job, { kind: 'queued' });
    else this.#lookOutside(changed);
  }
}

/** Of the others the queue knows the job. */
const isToStranger = (news: JobNews): boolean =>
  news.kind === 'full' || (news.kind === 'fail' && news.isForgotten === true);

const toldBytes = ({ job, news }: Told): number =>
  isToStranger(news)
    ? TOLD_BYTES + wordBytes(job.id) + (news.kind === 'fail' ? wordBytes(news.reason) : 0)
    : 0;
