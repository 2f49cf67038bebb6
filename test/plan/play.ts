/**
 * A run on a stage: the test says how each step ends and looks at what follows. No server, no clock.
 */
import { handOver, takeOver, type HandOver } from '../../src/plan/hand-over.js';
import type { Plan, Reuse } from '../../src/plan/plan.js';
import type { RunHead, RunState, StepKind, StepRecord } from '../../src/plan/record.js';
import type { Run } from '../../src/plan/run.js';
import {
  cancelRun,
  cancelStep,
  isRunOver,
  newRun,
  settle,
  takeReady,
  takeStops,
  verdict,
} from '../../src/plan/schedule.js';
import type { Outcome } from '../../src/plan/step-state.js';
import { runHead, stepRecord } from '../../src/plan/view.js';
import { canceled, failed, id, judge, succeeded } from './builder.js';

export type Fate = 'succeeded' | 'failed' | 'canceled' | Outcome;

/** What became of a plan. Keys are the ids of its steps, in the order of the plan. */
export interface Played {
  readonly states: Readonly<Record<string, StepKind>>;
  /** In the order of their start. */
  readonly launched: readonly string[];
  readonly verdict: RunState;
  readonly tolerated: readonly string[];
}

/**
 * Plays a plan to its end: all that may start is started, then the step that started first ends.
 *
 * @param fates - how steps end; those not named succeed
 */
export function play(plan: Plan, fates: Readonly<Record<string, Fate>> = {}): Played {
  const stage = new Stage(plan);
  for (stage.launch(); !stage.isOver(); stage.launch()) {
    const next = stage.launched.find((step) => stage.states()[step] === 'running');
    if (next === undefined)
      throw new Error(`nothing runs, and the run is not over: ${JSON.stringify(stage.states())}`);
    stage.end(next, fates[next] ?? (stage.record(next).canceling ? 'canceled' : 'succeeded'));
  }
  return {
    states: stage.states(),
    launched: stage.launched,
    verdict: stage.verdict(),
    tolerated: stage.tolerated(),
  };
}

/** A run that a test drives by hand, through as many legs as it likes. Times count up from 1. */
export class Stage {
  run: Run;
  /** Every step started so far, in any leg. */
  readonly launched: string[] = [];
  readonly #order: readonly string[];
  readonly #endedBefore = new Map<string, StepRecord>();
  #time = 0;

  constructor(plan: Plan, reuse: Reuse = {}) {
    this.#order = plan.steps.map((step) => step.id);
    this.run = newRun(plan, judge, this.#tick(), reuse);
  }

  /** Starts what may start now and returns it. */
  launch(room = Infinity): string[] {
    const started = takeReady(this.run, this.#tick(), room).map((index) => this.run.plan.steps[index]!.id);
    this.launched.push(...started);
    return started;
  }

  end(step: string, fate: Fate): this {
    const outcome =
      typeof fate === 'string'
        ? { succeeded: succeeded(), failed: failed(), canceled: canceled() }[fate]
        : fate;
    settle(this.run, this.#index(step), outcome, this.#tick());
    return this;
  }

  succeed(...steps: readonly string[]): this {
    for (const step of steps) this.end(step, 'succeeded');
    return this;
  }

  fail(...steps: readonly string[]): this {
    for (const step of steps) this.end(step, 'failed');
    return this;
  }

  cancel(step: string): this {
    cancelStep(this.run, id(step), 'not this one', 'ann', this.#tick());
    return this;
  }

  cancelRun(reason = 'enough', actor = 'ann'): this {
    cancelRun(this.run, reason, actor, this.#tick());
    return this;
  }

  pause(paused = true): this {
    this.run.paused = paused;
    return this;
  }

  /** Returns the running steps to be stopped now. */
  stops(): string[] {
    return takeStops(this.run).map((index) => this.run.plan.steps[index]!.id);
  }

  /** Hands the run on to a next leg, by way of JSON as between two workflows; returns the steps that went on. */
  handOver(): string[] {
    const before = this.run;
    const given = handOver(before);
    const goesOn = new Set(given.goesOn);
    before.states.forEach((_, index) => {
      if (!goesOn.has(index))
        this.#endedBefore.set(before.plan.steps[index]!.id, stepRecord(before, index, null));
    });
    this.run = takeOver(JSON.parse(JSON.stringify(given.handOver)) as HandOver, judge);
    return this.run.plan.steps.map((step) => step.id);
  }

  states(): Record<string, StepKind> {
    return Object.fromEntries(this.#order.map((step) => [step, this.record(step).state]));
  }

  tolerated(): string[] {
    return this.#order.filter((step) => this.record(step).tolerated);
  }

  record(step: string): StepRecord {
    return this.#endedBefore.get(step) ?? stepRecord(this.run, this.#index(step), null);
  }

  head(): RunHead {
    return runHead(this.run, { runId: 'run-1', createdAt: 0, startedAt: 1, endedAt: null });
  }

  verdict(): RunState {
    return verdict(this.run);
  }

  isOver(): boolean {
    return isRunOver(this.run);
  }

  #index(step: string): number {
    const index = this.run.edges.indexOf.get(id(step));
    if (index === undefined) throw new Error(`this leg has no step "${step}"`);
    return index;
  }

  #tick(): number {
    return (this.#time += 1);
  }
}
