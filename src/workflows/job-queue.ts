/**
 * The workflow of a queue of jobs: gives its places to those that come first, and tells jobs what became of those they
 * wait for. The rules are in `src/job/queue.ts`.
 */
import {
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertMemo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/api.js';
import type { JobAsk } from '../job/job-table.js';
import { packQueue, unpackQueue } from '../job/pack-queue.js';
import { JobQueue, type JobNews, type Told } from '../job/queue.js';
import { EntityWorkflow } from './entity-workflow.js';
import {
  ASK_PLACE_SIGNAL,
  ASK_PLACES_SIGNAL,
  FIRST_QUERY,
  GIVE_BACK_SIGNAL,
  HOLD_SIGNAL,
  JOB_ENDED_SIGNAL,
  jobWorkflowId,
  NEWS_SIGNAL,
  QUEUE_QUERY,
  SEAL_UPDATE,
  SET_WORKERS_UPDATE,
  WAITED_UPDATE,
  type HoldRequest,
  type JobActivities,
  type JobEndedRequest,
  type QueueFirst,
  type QueueInput,
  type QueueMemo,
  type QueueView,
  type SetWorkersRequest,
} from './job-api.js';
import { queueDetails } from './job-queue-details.js';

/**
 * Events after which a successor takes over. A message that comes meanwhile makes the worker forget the queue and replay all of them,
 * while more messages come: that must take far less than the 10 s that the server waits.
 */
const MAX_EVENTS = 2_000;
/** Messages on their way at once: the server lets a workflow have 2,000, and fails its task beyond them. */
const MOST_SENDING = 500;
/** Ids that one activity asks the server about. */
const FIND_AT_ONCE = 100;
/** How often deadlines of what nobody submitted are looked at. */
const LOOK_AT_DEADLINES_MS = 30_000;
/** A job's end is told by the job. This is for one that was terminated by hand while it had a place. */
const FIRST_LOOK_MS = 30_000;
const MOST_BETWEEN_LOOKS_MS = 600_000;

/** Keeps a queue as long as it has something to remember. A cancel changes nothing: stopping the workers is what is meant. */
export function keepJobs(input: QueueInput): Promise<void> {
  return CancellationScope.nonCancellable(() => new Keeper(input).keep());
}

class Keeper {
  readonly #queue: JobQueue;
  // Queues of before hand on later.
  readonly #handsOnEarly = patched('queues-hand-on-early');
  readonly #entity = new EntityWorkflow(this.#handsOnEarly ? MAX_EVENTS : undefined);
  /** Messages on their way. */
  #sending = 0;
  #watchesDeadlines = false;
  #looks = false;

  constructor({ state, ask }: QueueInput) {
    // Queues of before wait until each job that was told off has said that it ended.
    this.#queue = new JobQueue('facts' in state ? unpackQueue(state) : state, patched('told-off-is-over'));
    if (ask !== null) this.#queue.ask(ask, Date.now());
    this.#openDoors();
  }

  keep(): Promise<void> {
    return this.#entity.serve({
      step: () => {
        this.#step();
        setCurrentDetails(queueDetails(this.#view()));
      },
      isIdle: () => this.#queue.size === 0 && this.#queue.places === 0 && !this.#queue.hasTold,
      succeed: () =>
        continueAsNew<(input: QueueInput) => Promise<void>>({
          state: packQueue(this.#queue.state()),
          ask: null,
        }),
    });
  }

  /** Does what the rules ask for now. An update calls it itself, so that all it causes comes before its answer, also in a replay. */
  #step(): void {
    this.#queue.grant(Date.now());
    const room = this.#handsOn() ? 0 : Math.max(0, MOST_SENDING - this.#sending);
    for (const { job, news } of this.#queue.takeTold(room)) this.#tell(job, news);
    this.#find();
    void this.#watchDeadlines();
    void this.#look();
  }

  /** What is not told by then, the successor tells: it can only take over when nothing is on its way. */
  #handsOn(): boolean {
    return this.#entity.isLong && !this.#queue.isBulky;
  }

  #view(): QueueView {
    const { name, places, ageingMs } = this.#queue;
    return {
      ...{ name, places, ageingMs },
      waiting: this.#queue.count('waiting') + this.#queue.count('held'),
      queued: this.#queue.count('queued'),
      running: this.#queue.running.map(({ id }) => id),
    };
  }

  #openDoors(): void {
    setHandler(defineSignal<[JobAsk]>(ASK_PLACE_SIGNAL), (ask) => {
      this.#queue.ask(ask, Date.now());
      this.#entity.news();
    });
    setHandler(defineSignal<[readonly JobAsk[]]>(ASK_PLACES_SIGNAL), (asks) => {
      const now = Date.now();
      for (const ask of asks) this.#queue.ask(ask, now);
      this.#entity.news();
    });
    setHandler(defineSignal<[JobEndedRequest]>(JOB_ENDED_SIGNAL), ({ id, execution, how }) => {
      this.#queue.end(id, execution, how);
      this.#entity.news();
    });
    setHandler(defineSignal<[HoldRequest]>(HOLD_SIGNAL), ({ id, execution, isHeld }) => {
      this.#queue.hold(id, execution, isHeld);
      this.#entity.news();
    });
    setHandler(defineQuery<QueueView>(QUEUE_QUERY), () => this.#view());
    setHandler(defineQuery<QueueFirst, [number, readonly string[]]>(FIRST_QUERY), (most, states) =>
      this.#queue.first(most, states),
    );
    setHandler(
      defineUpdate<QueueView, [SetWorkersRequest]>(SET_WORKERS_UPDATE),
      (request) => this.#setWorkers(request),
      { description: 'How many jobs run at once. Argument: {"places": 3, "graceful": true}' },
    );
    setHandler(
      defineUpdate<QueueView, []>(SEAL_UPDATE),
      () => {
        this.#queue.seal();
        this.#step();
        this.#entity.news();
        return this.#view();
      },
      { description: 'Nothing more comes: jobs that wait for what nobody submitted fail' },
    );
    setHandler(
      defineUpdate<QueueView, [number]>(WAITED_UPDATE),
      (waitedUntil) => {
        upsertMemo({ waitedUntil } satisfies Partial<QueueMemo>);
        this.#entity.news();
        return this.#view();
      },
      { description: 'Somebody waited for all jobs and knows of those that ended until then' },
    );
  }

  #setWorkers({ places, graceful, ageingMs, unknownMs }: SetWorkersRequest): QueueView {
    if (places !== this.#queue.places) upsertMemo({ places } satisfies Partial<QueueMemo>);
    this.#queue.places = places;
    this.#queue.ageingMs = ageingMs ?? this.#queue.ageingMs;
    this.#queue.unknownMs = unknownMs ?? this.#queue.unknownMs;
    this.#entity.news();
    if (!graceful) {
      // The newest give way: they have the least to lose.
      for (const job of this.#queue.running.slice(places)) this.#send(job, GIVE_BACK_SIGNAL, []);
    }
    this.#step();
    return this.#view();
  }

  #tell(job: Told['job'], news: JobNews): void {
    this.#send(job, NEWS_SIGNAL, [news]);
  }

  /** Tells a job something. One that cannot be told is over. */
  #send({ id, execution }: Told['job'], signal: string, args: [] | [JobNews]): void {
    this.#sending += 1;
    this.#entity.during(
      getExternalWorkflowHandle(jobWorkflowId(this.#queue.name, id), execution)
        .signal(signal, ...args)
        .catch(() => this.#forget(id, execution))
        .then(() => {
          this.#sending -= 1;
          if (this.#queue.hasTold && !this.#handsOn()) this.#entity.news();
        }),
    );
  }

  #forget(id: string, execution: string): void {
    this.#queue.end(id, execution, { state: 'cancelled' });
    this.#entity.news();
  }

  /** Asks the server about jobs that are waited for and have not asked for a place. */
  #find(): void {
    // The successor asks about all of them. What a seal is for must be found here: it is not handed on.
    if (this.#handsOnEarly && this.#handsOn() && !this.#queue.isSealing) return;
    for (;;) {
      const ids = this.#queue.takeToFind(FIND_AT_ONCE);
      if (ids.length === 0) return;
      const { findJobs } = proxyActivities<JobActivities>({
        summary: 'look for jobs that others wait for',
        startToCloseTimeout: '60s',
        // It waits for the server as long as that takes: what waits here cannot go on without the answer.
        retry: { maximumInterval: '30s' },
      });
      this.#entity.during(
        findJobs({ queue: this.#queue.name, ids }).then((found) => {
          this.#queue.found(found, Date.now());
          this.#entity.news();
        }),
      );
    }
  }

  /** As long as anybody waits for a job that is not there, looks now and then whether that takes too long. */
  async #watchDeadlines(): Promise<void> {
    if (this.#watchesDeadlines) return;
    this.#watchesDeadlines = true;
    while (this.#queue.hasOutside) {
      await sleep(Math.min(LOOK_AT_DEADLINES_MS, this.#queue.unknownMs), { summary: 'deadlines' });
      this.#queue.lookAtDeadlines(Date.now());
      this.#entity.news();
    }
    this.#watchesDeadlines = false;
  }

  /** Looks now and then, while others wait for a place or a tool, whether those in their way are still there. */
  async #look(): Promise<void> {
    if (this.#looks) return;
    this.#looks = true;
    const { findEnded } = proxyActivities<Activities>({
      summary: 'look whether jobs at work are still there',
      startToCloseTimeout: '60s',
      retry: { maximumAttempts: 3 },
    });
    const isFull = (): boolean =>
      this.#queue.places > 0 &&
      this.#queue.running.length >= this.#queue.places &&
      this.#queue.size > this.#queue.places;
    let waitMs = FIRST_LOOK_MS;
    while (isFull() || this.#queue.count('held') > 0) {
      const before = inTheWay(this.#queue);
      if (await condition(() => inTheWay(this.#queue) !== before, waitMs)) {
        waitMs = FIRST_LOOK_MS;
        continue;
      }
      waitMs = Math.min(waitMs * 2, MOST_BETWEEN_LOOKS_MS);
      const jobs = [...this.#queue.running, ...this.#queue.held];
      const askers = jobs.map(({ id, execution }) => ({
        run: jobWorkflowId(this.#queue.name, id),
        execution,
      }));
      const ended = await findEnded({ askers }).catch(() => []); // the next look is soon enough
      for (const { execution } of ended) {
        const job = jobs.find((one) => one.execution === execution);
        if (job !== undefined) this.#forget(job.id, execution);
      }
    }
    this.#looks = false;
  }
}

const inTheWay = ({ running, held }: JobQueue): string =>
  [...running, ...held].map(({ execution }) => execution).join();
