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
  getExternalWorkflowHandle,
  ParentClosePolicy,
  setHandler,
  startChild,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailureCategory, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { compileJob } from '../job/compile.js';
import {
  escalate,
  escalationTarget,
  retriesBeforeEscalation,
  ruleOf,
  type EscalationReason,
} from '../job/escalation.js';
import { PRIORITIES, rankOf, type FinalJobState, type JobState } from '../job/job.js';
import type { JobAsk, JobEnding, JobNews } from '../job/queue.js';
import { packPlan } from '../plan/wire.js';
import { RUN_WORKFLOW, type CancelRequest, type RunEnd, type RunInput } from './api.js';
import { RUN_STATE, TOOL, WORKSTREAM } from './attributes.js';
import { cancelNatively } from './cancel-natively.js';
import {
  ASK_AGAIN_SIGNAL,
  ASK_PLACE_SIGNAL,
  CANCEL_JOB_SIGNAL,
  GIVE_BACK_SIGNAL,
  JOB_ENDED_SIGNAL,
  JOB_FAILED,
  JOB_QUERY,
  JOB_WORKFLOW,
  jobRunId,
  jobWorkflowId,
  NEWS_SIGNAL,
  queueWorkflowId,
  type JobChange,
  type JobEnd,
  type JobEndedRequest,
  type JobInput,
  type JobMemo,
  type JobView,
} from './job-api.js';
import { runEnding, type RunEnding } from './job-outcome.js';
import { startQueue } from './start-queue.js';

/** A queue that ends and a job that asks may cross so often. */
const CROSSINGS = 20;
/** So long a job trusts that who submitted it asks for its place. It asks itself then, in case that one died on the way. */
const ANNOUNCED_MS = 10 * 60_000;

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
  /** That another asks for its place: the first time only. */
  #trusts: boolean;
  /** Ends what runs now. */
  #stop: ((how: Stop) => void) | null = null;

  constructor(input: JobInput) {
    this.#input = input;
    this.#runs = input.runsBefore;
    this.#trusts = input.isAnnounced === true;
    this.#state = input.dependsOn.length === 0 ? 'queued' : 'waiting';
    this.#changes.push({ at: input.queuedAt, state: this.#state, reason: null });
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
      if (this.#cancel !== null) return this.#finish('cancelled', cancelText(this.#cancel));
      if (news === null) continue;
      if (news.kind === 'fail') return this.#finish('failed', news.reason);
      const end = await this.#work(news.rank);
      if (end !== null) return end;
    }
  }

  /** Asks for a place and waits until there is one, or another reason to go on. */
  async #turn(): Promise<Turn | null> {
    const isOver = (): boolean => this.#news !== null || this.#cancel !== null || this.#asksAgain;
    const trusts = this.#trusts;
    this.#trusts = false;
    // The queue may have been quicker than the job's own beginning.
    if (!isOver() && !(trusts && (await condition(isOver, ANNOUNCED_MS)))) {
      await this.#ask();
      await condition(isOver);
    }
    const news = this.#news;
    this.#news = null;
    this.#asksAgain = false;
    return news;
  }

  /** Runs the job once, in its place. Returns null when it gave the place back. */
  async #work(rank: number): Promise<JobEnd | null> {
    const { job, retry, rules } = this.#input;
    this.#runs += 1;
    this.#run = jobRunId(this.#input.queue, job.id, this.#runs, this.#execution);
    this.#startedAt = Date.now();
    this.#move('running');
    upsertMemo({ run: this.#run } satisfies Partial<JobMemo>);
    const { ending, stopped } = await this.#runPlan(this.#run, rank);
    this.#ending = ending;
    if (ending.kind === 'succeeded') return this.#finish('completed', null);
    if (ending.kind === 'canceled') {
      if (stopped === 'give-back' && this.#cancel === null) {
        this.#move('queued', 'its worker was stopped: it gave its place back');
        this.#news = null; // of the place that it gives back
        await this.#tellQueue(null);
        return null;
      }
      return this.#finish(
        'cancelled',
        this.#cancel === null ? 'its run was canceled' : cancelText(this.#cancel),
      );
    }
    const reason: EscalationReason = ending.isTimeout ? 'timeout' : 'failure';
    const rule = ruleOf(job, rules);
    const tool = escalationTarget(rule, reason, ending.retries);
    if (rule === null || tool === null || this.#cancel !== null)
      return this.#finish('failed', ending.message);
    const next = escalate(job, { tool, reason, lastError: ending.lastError });
    this.#escalatedTo = next.id;
    await this.#start({
      ...this.#input,
      job: next,
      priority: rule.priority,
      dependsOn: [],
      queuedAt: Date.now(),
      isAnnounced: false,
      retry,
    });
    return this.#finish('escalated', ending.message);
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

  async #finish(state: FinalJobState, error: string | null): Promise<JobEnd> {
    this.#error = error;
    this.#endedAt = Date.now();
    this.#move(state, error);
    // A workflow that ends as canceled returns nothing.
    if (state === 'cancelled') upsertMemo({ end: { ...this.#view(), state } } satisfies Partial<JobMemo>);
    const to = this.#escalatedTo;
    await this.#tellQueue(state === 'escalated' ? { state, to: to! } : { state });
    return { ...this.#view(), state };
  }

  #move(state: JobState, reason: string | null = null): void {
    this.#state = state;
    this.#changes.push({ at: Date.now(), state, reason });
    upsertSearchAttributes([{ key: RUN_STATE, value: state }]);
  }

  /** Asks the queue for a place, and starts the queue where there is none. */
  async #ask(): Promise<void> {
    const { queue, job, priority, dependsOn, queuedAt } = this.#input;
    const isBack = this.#runs > this.#input.runsBefore;
    const ask: JobAsk = {
      id: job.id,
      execution: this.#execution,
      rank: rankOf(priority),
      queuedAt,
      dependsOn: isBack ? [] : dependsOn, // they were met before
    };
    for (let tries = 0; tries < CROSSINGS; tries += 1) {
      const isThere = await getExternalWorkflowHandle(queueWorkflowId(queue))
        .signal<[JobAsk]>(ASK_PLACE_SIGNAL, ask)
        .then(
          () => true,
          () => false,
        );
      if (isThere || (await startQueue(queue, ask))) return;
    }
  }

  async #tellQueue(how: JobEnding | null): Promise<void> {
    const { queue, job } = this.#input;
    await getExternalWorkflowHandle(queueWorkflowId(queue))
      .signal<[JobEndedRequest]>(JOB_ENDED_SIGNAL, { id: job.id, execution: this.#execution, how })
      .catch(() => undefined); // a queue that is gone has forgotten the job
  }

  /** Starts the job that takes over. One of that name that is under way already is taken for it. */
  async #start(input: JobInput): Promise<void> {
    const { queue, job, priority, queuedAt, runsBefore } = input;
    const memo: JobMemo = {
      ...{ priority, queuedAt, runsBefore, tool: job.tool, workstream: job.workstream },
      ...{ dependsOn: [], hash: `escalation of ${this.#input.job.id}`, run: null },
    };
    try {
      const handle = await startChild(JOB_WORKFLOW, {
        workflowId: jobWorkflowId(queue, job.id),
        args: [input],
        memo: { ...memo },
        typedSearchAttributes: [
          { key: RUN_STATE, value: 'queued' },
          { key: TOOL, value: job.tool },
          { key: WORKSTREAM, value: job.workstream },
        ],
        staticSummary: `${job.tool}: ${job.id}`.slice(0, 200),
        parentClosePolicy: ParentClosePolicy.ABANDON,
        cancellationType: ChildWorkflowCancellationType.ABANDON,
      });
      handle.result().catch(() => undefined);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
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

const cancelText = ({ reason, actor }: Required<CancelRequest>): string => `canceled by ${actor}: ${reason}`;
