/**
 * The workflow of one job: waits for what it depends on and for a place, has its plan run by the interpreter, and hands it
 * to another tool where that is the rule.
 */
import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowCancellationType,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  ParentClosePolicy,
  patched,
  setHandler,
  startChild,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailureCategory } from '@temporalio/common';
import { compileJob } from '../job/compile.js';
import {
  escalate,
  escalationTarget,
  retriesBeforeEscalation,
  ruleOf,
  type Escalation,
  type EscalationReason,
  type EscalationRule,
} from '../job/escalation.js';
import { guardOf, quotaText } from '../job/guarded-tool.js';
import { PRIORITIES, type FinalJobState, type JobState } from '../job/job.js';
import { trustMs, waitForRoomMs } from '../job/patience.js';
import type { JobNews } from '../job/queue.js';
import type { StepFailure } from '../plan/attempt.js';
import { canceledBy } from '../plan/cancel-words.js';
import { packPlan } from '../plan/wire.js';
import { RUN_WORKFLOW, type CancelRequest, type RunEnd, type RunInput } from './api.js';
import { RUN_STATE } from './attributes.js';
import { cancelNatively } from './cancel-natively.js';
import {
  ASK_AGAIN_SIGNAL,
  CANCEL_JOB_SIGNAL,
  GIVE_BACK_SIGNAL,
  JOB_FAILED,
  JOB_QUERY,
  jobRunId,
  NEWS_SIGNAL,
  type JobChange,
  type JobEnd,
  type JobInput,
  type JobMemo,
  type JobView,
} from './job-api.js';
import { runEnding, type RunEnding } from './job-outcome.js';
import { QueueDoor, startNextJob } from './job-place.js';
import { JobTool, type ToolTurn } from './job-tool.js';

/**
 * Runs a job to its end.
 *
 * @returns what became of a job that completed, or that another tool's job took over
 * @throws ApplicationFailure of type `JobFailed` (benign) when it failed; CancelledFailure when it was canceled
 */
export async function runJob(input: JobInput): Promise<JobEnd> {
  const keeper = new JobKeeper(input);
  // A native cancel (Web UI, CLI) and the signal mean the same.
  const outer = CancellationScope.current();
  outer.cancelRequested.catch(() => keeper.cancel({ reason: 'canceled', actor: 'temporal' }));
  const end = await CancellationScope.nonCancellable(() => keeper.run());
  if (end.state === 'cancelled') {
    if (!outer.consideredCancelled) await cancelNatively(outer, 'end the job as canceled');
    throw new CancelledFailure(end.error ?? 'canceled');
  }
  if (end.state !== 'failed') return end;
  throw ApplicationFailure.create({
    message: end.error ?? 'the job failed',
    type: JOB_FAILED,
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
    details: [end],
  });
}

/** What ends the wait for a place. */
type Turn = Exclude<JobNews, { readonly kind: 'queued' }>;

/** Why a run was ended before its own end. */
type Stop = 'cancel' | 'give-back';

class JobKeeper {
  readonly #input: JobInput;
  readonly #execution = workflowInfo().runId;
  readonly #changes: JobChange[] = [];
  #state: JobState;
  #startedAt: number | null = null;
  #endedAt: number | null = null;
  #run: string | null = null;
  #runs: number;
  #ending: Pick<RunEnding, 'exitCode' | 'retries'> = { exitCode: null, retries: 0 };
  #error: string | null = null;
  #escalatedTo: string | null = null;
  #cancel: Required<CancelRequest> | null = null;
  #news: Turn | null = null;
  #asksAgain = false;
  /** How long it trusts that another asks for its place: the first time only. */
  #trustedMs = 0;
  /** It asked itself: what the queue forgot of it before, it may know again. */
  #hasAsked = false;
  #foundNoRoom = false;
  /** Ends what runs now. */
  #stop: ((how: Stop) => void) | null = null;
  readonly #tool: JobTool;
  readonly #queue: QueueDoor;

  constructor(input: JobInput) {
    this.#input = input;
    this.#runs = input.runsBefore;
    if (input.isAnnounced === true) this.#trustedMs = trustMs(input.announcedWith ?? 0, Math.random());
    this.#state = input.dependsOn.length === 0 ? 'queued' : 'waiting';
    this.#changes.push({ at: input.queuedAt, state: this.#state, reason: null });
    this.#tool = new JobTool(input);
    this.#queue = new QueueDoor(input);
    setHandler(defineQuery<JobView>(JOB_QUERY), () => this.#view());
    setHandler(defineSignal<[CancelRequest?]>(CANCEL_JOB_SIGNAL), (request) => this.cancel(request ?? {}));
    setHandler(defineSignal<[JobNews]>(NEWS_SIGNAL), (news) => {
      if (news.kind !== 'queued') this.#news = news;
      else if (this.#state === 'waiting') this.#move('queued');
    });
    setHandler(defineSignal(GIVE_BACK_SIGNAL), () => this.#stop?.('give-back'));
    setHandler(defineSignal(ASK_AGAIN_SIGNAL), () => {
      this.#asksAgain = true;
    });
  }

  /** Only the first request counts. */
  cancel({ reason = 'canceled', actor = 'unknown' }: CancelRequest): void {
    if (this.#cancel !== null) return;
    this.#cancel = { reason, actor };
    this.#stop?.('cancel');
  }

  async run(): Promise<JobEnd> {
    for (;;) {
      const news = await this.#turn();
      if (this.#cancel !== null) return this.#finish('cancelled', canceledBy(this.#cancel));
      if (news === null) continue;
      if (news.kind === 'full') {
        await this.#waitForRoom();
        continue;
      }
      if (news.kind === 'fail')
        return this.#finish('failed', news.reason, news.isForgotten === true && !this.#hasAsked);
      const turn = await this.#passTool();
      if (turn === null || turn.kind === 'waited') continue;
      const end = turn.kind === 'refused' ? await this.#withoutTool(turn.why) : await this.#work(news.rank);
      if (end !== null) return end;
    }
  }

  /** The queue has no room for it: it asks again after a while. It says so once. */
  async #waitForRoom(): Promise<void> {
    if (!this.#foundNoRoom)
      this.#move(this.#state, 'the queue is full: it asks for its place again, after 10 minutes or more');
    this.#foundNoRoom = true;
    const waitMs = waitForRoomMs(this.#input.announcedWith ?? 0, Math.random());
    await condition(() => this.#news !== null || this.#cancel !== null || this.#asksAgain, waitMs);
  }

  /** Asks whether the tool may be used; while it may not, others have the place. Returns null when it was stopped meanwhile. */
  async #passTool(): Promise<ToolTurn | null> {
    const scope = new CancellationScope();
    this.#stop = () => scope.cancel();
    const telling: Promise<void>[] = [];
    try {
      const turn = await scope.run(() =>
        this.#tool.pass(this.#runs + 1, (why) => {
          this.#move('waiting', why);
          telling.push(this.#queue.held(true));
        }),
      );
      if (turn.kind === 'waited') {
        this.#move('queued');
        await Promise.all(telling);
        await this.#queue.held(false);
      }
      return turn;
    } catch (error) {
      if (!isCancellation(error)) throw error;
      if (this.#cancel === null) await this.#giveBack();
      return null;
    } finally {
      this.#stop = null;
    }
  }

  /** The tool is gone until a person brings it back: another one takes over, where there is one. */
  async #withoutTool(why: string): Promise<JobEnd> {
    const rule = ruleOf(this.#input.job, this.#input.rules);
    const tool = rule?.onFailure ?? null;
    if (rule === null || tool === null || this.#cancel !== null) return this.#finish('failed', why);
    return this.#handOn(rule, { tool, reason: 'failure', lastError: why }, why);
  }

  /** Asks for a place and waits until there is one, or another reason to go on. */
  async #turn(): Promise<Turn | null> {
    const isOver = (): boolean => this.#news !== null || this.#cancel !== null || this.#asksAgain;
    const trustedMs = this.#trustedMs;
    this.#trustedMs = 0;
    // The queue may have been quicker than the job's own beginning.
    if (!isOver() && !(trustedMs > 0 && (await condition(isOver, trustedMs)))) {
      this.#hasAsked = true;
      await this.#queue.ask(this.#runs > this.#input.runsBefore);
      await condition(isOver);
    }
    const news = this.#news;
    this.#news = null;
    this.#asksAgain = false;
    return news;
  }

  /** Runs the job once, in its place. Returns null when it gave the place back. */
  async #work(rank: number): Promise<JobEnd | null> {
    const { job, rules } = this.#input;
    this.#runs += 1;
    this.#run = jobRunId(this.#input.queue, job.id, this.#runs, this.#execution);
    this.#startedAt = Date.now();
    this.#move('running');
    upsertMemo({ run: this.#run } satisfies Partial<JobMemo>);
    const { ending, stopped } = await this.#runPlan(this.#run, rank);
    this.#ending = ending;
    await this.#tool.used(
      this.#runs,
      ending.kind === 'canceled' ? 'unknown' : { failure: failureOf(ending) },
    );
    if (ending.kind === 'succeeded') return this.#finish('completed', null);
    if (ending.kind === 'canceled') {
      if (stopped === 'give-back' && this.#cancel === null) {
        await this.#giveBack();
        return null;
      }
      return this.#finish(
        'cancelled',
        this.#cancel === null ? 'its run was canceled' : canceledBy(this.#cancel),
      );
    }
    if (ending.message === quotaText(job.tool)) return this.#withoutTool(ending.message);
    const reason: EscalationReason = ending.isTimeout ? 'timeout' : 'failure';
    const rule = ruleOf(job, rules);
    // A job of before was handed on only after the retries of the rule, also to the tool that it names.
    const isOfBefore = rule?.isNamed === true && !patched('named-tool-takes-over');
    const tool = escalationTarget(isOfBefore ? { ...rule, isNamed: false } : rule, reason, ending.retries);
    if (rule === null || tool === null || this.#cancel !== null)
      return this.#finish('failed', ending.message);
    return this.#handOn(rule, { tool, reason, lastError: ending.lastError }, ending.message);
  }

  async #giveBack(): Promise<void> {
    this.#move('queued', 'its worker was stopped: it gave its place back');
    this.#news = null; // of the place that it gives back
    await this.#queue.ended(null);
  }

  async #handOn({ priority }: EscalationRule, to: Escalation, why: string): Promise<JobEnd> {
    const next = escalate(this.#input.job, to);
    this.#escalatedTo = next.id;
    await startNextJob(this.#input.job.id, {
      ...this.#input,
      job: next,
      priority,
      dependsOn: [],
      queuedAt: Date.now(),
      isAnnounced: false,
    });
    return this.#finish('escalated', why);
  }

  async #runPlan(
    run: string,
    rank: number,
  ): Promise<{ readonly ending: RunEnding; readonly stopped: Stop | null }> {
    const { job, root, actor, engineVersion, tools, retry, rules } = this.#input;
    const priority = PRIORITIES[rank]!;
    const plan = compileJob({
      job,
      tool: Object.hasOwn(tools, job.tool) ? tools[job.tool]! : null,
      retry: retriesBeforeEscalation(job, retry, rules),
      priority,
      runsBefore: this.#runs - 1,
      guard: guardOf(this.#input),
    });
    const input: RunInput = {
      origin: {
        ...{ planPath: `job ${job.id}`, root, planHash: this.#execution, engineVersion },
        ...{ retryOf: null, parentRun: workflowInfo().workflowId, actor },
      },
      chunks: 1,
      firstChunk: packPlan(plan),
      reuse: {},
      priority,
      searchAttributes: false,
    };
    const scope = new CancellationScope();
    let stopped: Stop | null = null;
    this.#stop = (how) => {
      stopped = how;
      scope.cancel();
    };
    const ending = await scope
      .run(async () => {
        const handle = await startChild(RUN_WORKFLOW, {
          workflowId: run,
          args: [input],
          staticSummary: `${job.tool}: ${job.id}`.slice(0, 200),
          // The job's end is its end, also when somebody terminates the job.
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        });
        return (await handle.result()) as RunEnd;
      })
      .then(
        (end) => runEnding({ end }),
        (error: unknown) => runEnding({ error }),
      );
    this.#stop = null;
    return { ending, stopped };
  }

  async #finish(state: FinalJobState, error: string | null, isForgotten = false): Promise<JobEnd> {
    this.#error = error;
    this.#endedAt = Date.now();
    this.#move(state, error);
    // A workflow that ends as canceled returns nothing.
    if (state === 'cancelled') upsertMemo({ end: { ...this.#view(), state } } satisfies Partial<JobMemo>);
    const to = this.#escalatedTo;
    if (!isForgotten) await this.#queue.ended(state === 'escalated' ? { state, to: to! } : { state });
    return { ...this.#view(), state };
  }

  #move(state: JobState, reason: string | null = null): void {
    this.#state = state;
    this.#changes.push({ at: Date.now(), state, reason });
    upsertSearchAttributes([{ key: RUN_STATE, value: state }]);
  }

  #view(): JobView {
    const { job, priority, dependsOn, queuedAt } = this.#input;
    return {
      ...{ id: job.id, state: this.#state, priority, dependsOn, queuedAt },
      ...{ startedAt: this.#startedAt, endedAt: this.#endedAt, error: this.#error },
      ...{ exitCode: this.#ending.exitCode, retries: this.#ending.retries, run: this.#run },
      ...{ escalatedTo: this.#escalatedTo, changes: this.#changes },
    };
  }
}

const failureOf = (ending: RunEnding): StepFailure | null =>
  ending.kind === 'failed' ? (ending.failure ?? NOT_KNOWN) : null;
/** A run that failed of something else than its command says nothing of the tool. */
const NOT_KNOWN: StepFailure = { reason: 'infrastructure', message: '' };
