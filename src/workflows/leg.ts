/**
 * One leg of a run: a workflow's worth of it. It asks the core what comes next, launches that, and takes in what came
 * back; near its event budget it hands the rest to a successor and passes on what is still running with it.
 */
import { CancellationScope, condition, setCurrentDetails, sleep } from '@temporalio/workflow';
import { handOver } from '../plan/hand-over.js';
import { stepLeases } from '../plan/lease-names.js';
import { waitedFor } from '../plan/lease-use.js';
import { moneyLeft, noteSpent, whyNoMoreWork } from '../plan/budget.js';
import type { StepId } from '../plan/plan.js';
import type { PausedBy, RunHead } from '../plan/record.js';
import { lastSaid, setPaused } from '../plan/pause.js';
import { messageFor } from '../plan/references.js';
import { isStopping, touch, type Run } from '../plan/run.js';
import {
  cancelRun,
  conditionStep,
  endStranded,
  isRunOver,
  outputRead,
  outputsOf,
  settle,
  takeReady,
  takeStops,
} from '../plan/schedule.js';
import { isOver, type Outcome } from '../plan/step-state.js';
import { runHead } from '../plan/view.js';
import { Approvals } from './approvals.js';
import { roundId, subRunId, type CancelRequest, type Report, type RunEnd } from './api.js';
import { Breakers } from './breakers.js';
import { detailsOf } from './details.js';
import type { LeaseNews } from './lease-api.js';
import { LandingNews } from './landing-news.js';
import { LeaseGate } from './lease-gate.js';
import { failedBy } from './outcome.js';
import { Places } from './places.js';
import { pauseBelow } from './succession.js';
import type { Neighbours, Settled, Successor, Surrounding } from './neighbours.js';
import type { SharedMeans, Surroundings } from './run-command-step.js';
import { runStep } from './run-step.js';

/** Steps with the workers at once: Temporal takes 2,000 pending activities, and a leg must be able to end them all within its history. */
const WINDOW = 400;
/** One answer of the workflow to the server must stay below 4 MiB. */
const LAUNCHES_AT_ONCE = 200;
const LAUNCH_CHARS_AT_ONCE = 500_000;
/** How long a step may take to confirm that it stopped, before the run ends without its word. */
const STOP_LIMIT_MS = 120_000;

export class Leg {
  run: Run | null = null;
  /** The leg that has the steps not ended here. */
  next: Successor | null = null;
  /** Steps this leg answers for no more, by index. */
  handedOn: ReadonlySet<number> = new Set();
  readonly approvals = new Approvals();
  readonly breakers = new Breakers();
  #gate: LeaseGate | null = null;
  #places: Places | null = null;
  #landings: LandingNews | null = null;
  /** For the next leg, until that is there. */
  readonly #leaseNews: LeaseNews[] = [];
  /** The rounds of the sub-plans that are repeated from here. */
  readonly #rounds = new Map<StepId, number>();
  /** The scope of each step that runs from here. */
  readonly #scopes = new Map<StepId, CancellationScope>();
  #settled: Settled[] = [];
  #cancel: Required<CancelRequest> | null = null;
  #endedAt: number | null = null;
  /** How the run ended in a later leg. */
  #final: RunHead | null = null;
  /** What later legs report of their steps. */
  later: Report = {};
  #stopsBounded = false;
  /** What was said of pausing before the plan was here. */
  #pausedEarly: { readonly paused: boolean; readonly by: PausedBy | null } | null = null;
  #news = false;

  constructor(
    readonly around: Surrounding,
    readonly neighbours: Neighbours,
  ) {}

  /** Something happened that the loop must look at. */
  wake(): void {
    this.#news = true;
  }

  /** Cancels the run, or the rest of it in later legs. Only the first request counts. */
  cancel({ reason = 'canceled', actor = 'unknown' }: CancelRequest): void {
    if (this.#cancel !== null) return;
    this.#cancel = { reason, actor };
    this.next?.cancel(this.#cancel);
    this.wake();
  }

  /** Lets nothing start from here on, nor in the runs below, or lets it again. */
  pause(paused: boolean, by: PausedBy | null): void {
    if (this.next !== null) return this.next.pause(paused, by);
    const { run } = this;
    if (run === null) this.#pausedEarly = { paused, by };
    if (run === null || isStopping(run) || isRunOver(run) || run.paused === paused) return;
    setPaused(run, paused, by, Date.now());
    const below = run.states.flatMap((state, index) =>
      state.kind === 'running' ? (this.childRunOf(index) ?? []) : [],
    );
    pauseBelow(below, paused, by);
    this.wake();
  }

  get isCancelRequested(): boolean {
    return this.#cancel !== null;
  }

  /** Takes in outcomes: of steps that ran here, or that a leg above still ran. */
  take(outcomes: readonly Settled[]): void {
    this.#settled.push(...outcomes);
    this.wake();
  }

  /** Takes in what became of a lease that the run asked for. */
  told(news: LeaseNews): void {
    if (this.next !== null) this.next.told(news);
    else if (this.isHandedOn) this.#leaseNews.push(news);
    else this.#gate?.told(news);
    this.wake();
  }

  /** Stops steps that run here for a later leg, or asks further up. */
  stop(steps: readonly StepId[]): void {
    const above: StepId[] = [];
    for (const step of steps) {
      const scope = this.#scopes.get(step);
      const index = this.run?.edges.indexOf.get(step) ?? -1;
      if (scope !== undefined) scope.cancel();
      else if (this.#gate?.cancel(index) !== true) above.push(step);
    }
    if (above.length > 0) this.neighbours.stopAbove(above);
  }

  /**
   * Drives the run to its end and returns its head.
   *
   * @param waiting - steps that waited for their leases in the leg before, by index
   */
  async drive(run: Run, waiting: readonly number[] = []): Promise<RunHead> {
    this.run = run;
    const early = this.#pausedEarly;
    if (early !== null && early.paused !== run.paused) setPaused(run, early.paused, early.by, Date.now());
    const { runId, execution } = this.around;
    this.#gate = new LeaseGate(run, { run: runId, execution });
    this.#gate.closeUntilTaken((reason) => this.cancel({ reason, actor: 'engine' }));
    this.#places = new Places(run, () => this.wake());
    this.#landings = new LandingNews(run, runId, () => this.wake());
    this.#reopenApprovals(run);
    for (const index of [...waiting, ...run.aside.keys()]) this.#start(run, index);
    while (!isRunOver(run) && this.next === null) {
      this.#takeIn(run);
      const launchedAll = this.#launch(run);
      this.#landings.tell();
      this.#stopAsked(run);
      endStranded(run, Date.now());
      setCurrentDetails(detailsOf(run, this.head()));
      if (isRunOver(run)) break;
      if (!isStopping(run) && this.neighbours.isTimeToHandOn()) {
        await this.#handOn(run);
        break;
      }
      // Too much for one answer: a short timer ends this one, and the rest goes into the next.
      if (!launchedAll) await sleep(1);
      else await condition(() => this.#news);
      this.#news = false;
    }
    if (this.next !== null) return this.#passOn(this.next);
    this.#endedAt = Date.now();
    return this.head();
  }

  /** True as soon as another leg is about to have the steps. */
  get isHandedOn(): boolean {
    return this.handedOn.size > 0;
  }

  head(): RunHead {
    if (this.#final !== null) return this.#final;
    if (this.run === null) throw new Error('BUG: the run has no plan yet');
    const { runId, createdAt, startedAt } = this.around;
    return runHead(this.run, { runId, createdAt, startedAt, endedAt: this.#endedAt });
  }

  #takeIn(run: Run): void {
    if (this.#cancel !== null) cancelRun(run, this.#cancel.reason, this.#cancel.actor, Date.now());
    for (const { step, outcome } of this.#settled.splice(0)) {
      const index = run.edges.indexOf.get(step);
      // Ended without its word already, because it took too long to stop.
      if (index === undefined || isOver(run.states[index]!)) continue;
      settle(run, index, outcome, Date.now());
      this.#noteCost(run, step, outcome);
    }
  }

  /** What a step that ran in an earlier leg has cost is known here only by its end. */
  #noteCost(run: Run, step: StepId, { outputs }: Outcome): void {
    const usd = outputs?.['costUsd'];
    if (typeof usd === 'number') noteSpent(run, step, usd, Date.now());
  }

  /** Launches what is ready, and returns whether that was all that may be. */
  #launch(run: Run): boolean {
    if (this.#gate!.isClosed) return true;
    let chars = 0;
    for (let count = 0; this.#scopes.size + this.#gate!.size < WINDOW; count += 1) {
      if (count >= LAUNCHES_AT_ONCE || chars > LAUNCH_CHARS_AT_ONCE) return false;
      const index = takeReady(run, Date.now(), 1)[0];
      if (index === undefined) return true;
      chars += this.#start(run, index);
    }
    return true;
  }

  /** Starts one step and returns about how many characters that puts into the answer. */
  #start(run: Run, index: number): number {
    const step = run.plan.steps[index]!;
    const settled = (outcome: Outcome): void => this.take([{ step: step.id, outcome }]);
    const names = stepLeases(step);
    if (names.length === 0) return this.#begin(run, index, settled);
    const gate = this.#gate!;
    const settle = (outcome: Outcome): void => {
      gate.giveBack(index);
      settled(outcome);
    };
    gate.enter(index, names, { launch: () => void this.#begin(run, index, settle), settle });
    return sizeOf(step.work);
  }

  #begin(run: Run, index: number, settled: (outcome: Outcome) => void): number {
    const step = run.plan.steps[index]!;
    if (step.work.kind === 'approval') {
      const message = messageFor(step.work.message, (reference) => outputRead(run, reference));
      if (message.kind === 'filled') this.approvals.open(step, Date.now(), settled);
      else settled(failedBy({ reason: 'not-started', message: message.message }));
      return 0;
    }
    const scope = new CancellationScope();
    this.#scopes.set(step.id, scope);
    const around: Surroundings = {
      ...this.around,
      plan: run.plan,
      outputsOf: (id) => outputsOf(run, id),
      stepOf: (id) => conditionStep(run, id),
      leases: { ...this.around.inherited, ...this.#gate!.tokens(index) },
      noteRound: (id, round) => {
        this.#rounds.set(id, round);
        touch(run, index);
      },
      leaseWaitMs: this.#gate!.waitedMs(index),
      reset: run.resets.get(index) ?? null,
      goesOnFrom: run.aside.get(index)?.from ?? null,
      shared: this.#sharedMeans(run),
    };
    void scope
      .run(() => runStep(step, around, this.#landings!))
      .then((value) => {
        this.#scopes.delete(step.id);
        if (!this.breakers.handedOn.has(step.id)) settled(value); // else the next leg has it
      });
    return sizeOf(step.work);
  }

  #sharedMeans(run: Run): SharedMeans {
    return {
      breakers: this.breakers,
      places: this.#places!,
      noteSpent: (step, usd) => {
        noteSpent(run, step, usd, Date.now());
        this.wake();
      },
      whyNoMoreWork: () => whyNoMoreWork(run),
      moneyLeft: () => moneyLeft(run),
    };
  }

  #stopAsked(run: Run): void {
    const steps = takeStops(run).map((index) => run.plan.steps[index]!.id);
    if (steps.length === 0) return;
    for (const step of steps) this.approvals.cancel(step);
    this.stop(steps.filter((step) => run.plan.steps[run.edges.indexOf.get(step)!]!.work.kind !== 'approval'));
    if (this.#stopsBounded) return;
    this.#stopsBounded = true;
    void sleep(STOP_LIMIT_MS, { summary: 'limit for stopping' }).then(() => {
      this.#stopsBounded = false;
      this.#giveUpOnStops(run);
    });
  }

  /** A step that does not stop cannot hold the run for ever. */
  #giveUpOnStops(run: Run): void {
    const outcome: Outcome = { kind: 'canceled', attempts: [], attemptsOmitted: 0 };
    run.states.forEach((state, index) => {
      if (state.kind === 'running' && state.stop !== null)
        this.take([{ step: run.plan.steps[index]!.id, outcome }]);
    });
  }

  async #handOn(run: Run): Promise<void> {
    const aside = this.#places!.handOn();
    const given = handOver(run, this.#gate!.handOn(), aside);
    this.#letGo([...aside].map((index) => run.plan.steps[index]!.id));
    this.handedOn = new Set(given.goesOn);
    this.approvals.handOn();
    this.next = await this.neighbours.handOn(given.handOver);
    if (this.#cancel !== null) this.next.cancel(this.#cancel);
    for (const news of this.#leaseNews.splice(0)) this.next.told(news);
    if (run.paused !== given.handOver.paused) this.next.pause(run.paused, lastSaid(run));
  }

  /** Ends the waits of steps that the next leg starts again, and nothing is heard of them from here. */
  #letGo(steps: readonly StepId[]): void {
    for (const step of steps) {
      this.breakers.handedOn.add(step);
      this.#scopes.get(step)?.cancel();
    }
  }

  /** Gives the next leg the outcomes of what ran here or above, until that leg is done: then every step has ended. */
  async #passOn(next: Successor): Promise<RunHead> {
    let end: RunEnd | { readonly error: unknown } | null = null;
    const ended = (value: NonNullable<typeof end>): void => {
      end = value;
      this.wake();
    };
    void next.result().then(
      (value) => ended(value),
      (error: unknown) => ended({ error }),
    );
    for (;;) {
      const outcomes = this.#settled.splice(0);
      if (outcomes.length > 0) next.settled(outcomes);
      const seen = end as RunEnd | { readonly error: unknown } | null;
      if (seen !== null) {
        if ('error' in seen) throw seen.error;
        this.later = seen.report ?? {};
        return (this.#final = seen.head);
      }
      this.#news = false;
      await condition(() => this.#news);
    }
  }

  #reopenApprovals(run: Run): void {
    run.states.forEach((state, index) => {
      const step = run.plan.steps[index]!;
      if (state.kind !== 'running' || step.work.kind !== 'approval') return;
      this.approvals.open(step, state.launchedAt, (outcome) => this.take([{ step: step.id, outcome }]));
    });
  }

  /** Returns the workflow id of the run that a step is, the last of its rounds, or null. */
  childRunOf(index: number): string | null {
    const { id, work } = this.run!.plan.steps[index]!;
    const state = this.run!.states[index]!;
    const launched = 'launchedAt' in state && waitedFor(this.run!.leases.get(index)) === null;
    if ((work.kind !== 'plan' && work.kind !== 'for_each') || !launched) return null;
    const { runId } = this.around;
    if (work.kind === 'for_each' || work.repeat === undefined) return subRunId(runId, id);
    const rounds = 'outcome' in state ? state.outcome?.outputs?.['rounds'] : this.#rounds.get(id);
    return typeof rounds === 'number' ? roundId(runId, id, rounds) : null;
  }
}

function sizeOf(work: object): number {
  return JSON.stringify(work).length;
}
