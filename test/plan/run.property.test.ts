import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isHeld } from '../../src/plan/follow.js';
import { handOver, takeOver, type HandOver } from '../../src/plan/hand-over.js';
import { RELEASED, type Run } from '../../src/plan/run.js';
import {
  cancelRun,
  cancelStep,
  endStranded,
  isRunOver,
  newRun,
  outputsOf,
  settle,
  takeReady,
  takeStops,
  verdict,
  whyNotCancelStep,
} from '../../src/plan/schedule.js';
import type { StepState } from '../../src/plan/step-state.js';
import { runHead } from '../../src/plan/view.js';
import { canceled, failed, id, judge, succeeded } from './builder.js';
import { Model } from './model.js';
import { randomBeginning, randomFate, type Beginning } from './random-plans.js';

const RUNS = Number(process.env['PLANWRIGHT_RANDOM_RUNS'] ?? 100_000);
const SEED = Number(process.env['PLANWRIGHT_RANDOM_SEED'] ?? Date.now() % 0x7fffffff);

/** Asked many times a turn, where `expect` costs more than all the rest: only a disagreement is shown by it. */
function agree(actual: string | number | boolean | null, expected: typeof actual, ...about: string[]): void {
  if (actual !== expected) expect([...about, actual]).toEqual([...about, expected]);
}

/** How often the runs came to what they are to try: a law that is never put to the test proves nothing. */
const seen = new Map<string, number>();
const note = (what: string, happened: boolean): void => {
  if (happened) seen.set(what, (seen.get(what) ?? 0) + 1);
};

interface Ending {
  state: StepState;
  tolerated: boolean;
}

/** The run on its way through its legs, with the endings that earlier legs have already accounted for. */
class Player {
  run: Run;
  readonly endings = new Map<string, Ending>();
  legs = 1;
  readonly #started = new Set<string>();
  readonly #told = new Set<string>();
  #seen: { readonly run: Run; readonly revision: number; readonly steps: readonly Ending[] };

  constructor({ plan, reused }: Beginning) {
    const reuse = Object.fromEntries(
      reused.map((step) => [step, { runId: 'before', outputs: { by: step } }]),
    );
    this.run = newRun(plan, judge, 0, reuse);
    this.#seen = { run: this.run, revision: 0, steps: [] };
  }

  /** Starts what may start and says what is true of a start, whatever the model says. */
  launch(model: Model, room: number): string[] {
    const { run } = this;
    const mayNotStart = run.paused || run.abortedBy !== null || run.cancel !== null;
    const launched = takeReady(run, 1, room).map((index) => run.plan.steps[index]!.id);
    if (mayNotStart) agree(launched.length, 0, 'starts in a run that is paused or stopping');
    agree(this.#busy() <= run.plan.maxConcurrency, true, 'not too many at once');
    for (const step of launched) {
      agree(this.#started.has(step), false, step, 'starts twice');
      this.#started.add(step);
      for (const above of model.ancestors(step)) {
        agree(this.#hasEnded(above), true, step, 'starts after', above);
        if (run.plan.steps[run.edges.indexOf.get(step)!]!.work.kind === 'approval') continue; // it reads nothing
        agree(whoseOutput(run, above), model.outputsFrom(above), step, 'reads the outputs of', above);
      }
    }
    return launched;
  }

  /** Takes the requests to stop: each running step that is to end gets one, and only one. */
  takeStops(): void {
    const { run } = this;
    for (const index of takeStops(run)) {
      const step = run.plan.steps[index]!.id;
      agree(this.#told.has(step), false, step, 'is told to stop twice');
      this.#told.add(step);
    }
    for (const { id, stopping } of this.running()) agree(this.#told.has(id), stopping, id, 'is told to stop');
  }

  /** A step that changed has a newer revision: who follows the run misses nothing. */
  checkRevisions(): void {
    const { run } = this;
    const { revision, steps } = this.#seen.run === run ? this.#seen : { revision: 0, steps: [] };
    run.states.forEach((state, index) => {
      const before = steps[index];
      if (before?.state === state && before.tolerated === run.tolerated[index]) return;
      agree(run.changedAt[index]! > revision, true, run.plan.steps[index]!.id, 'changed at a newer revision');
    });
    agree(Math.max(...run.changedAt) <= run.revision, true, 'no step is ahead of its run');
    agree(new Set(run.changedAt).size, run.changedAt.length, 'no two steps changed at one revision');
    agree(Math.min(...run.waits) >= RELEASED, true, 'no step waits for less than nothing');
    const now = run.states.map((state, index) => ({ state, tolerated: run.tolerated[index]! }));
    this.#seen = { run, revision: run.revision, steps: now };
  }

  handOver(): void {
    if (this.run.abortedBy !== null || this.run.cancel !== null || isRunOver(this.run)) return;
    const given = handOver(this.run);
    const goesOn = new Set(given.goesOn);
    this.run.states.forEach((state, index) => {
      if (!goesOn.has(index)) this.#note(index, state);
    });
    this.run = takeOver(JSON.parse(JSON.stringify(given.handOver)) as HandOver, judge);
    this.legs += 1;
  }

  finish(): Map<string, Ending> {
    this.run.states.forEach((state, index) => this.#note(index, state));
    return this.endings;
  }

  running(): { id: string; stopping: boolean }[] {
    return this.run.states.flatMap((state, index) =>
      state.kind === 'running' ? [{ id: this.run.plan.steps[index]!.id, stopping: state.stop !== null }] : [],
    );
  }

  #note(index: number, state: StepState): void {
    this.endings.set(this.run.plan.steps[index]!.id, { state, tolerated: this.run.tolerated[index]! });
  }

  #busy(): number {
    const { run } = this;
    return run.states.filter((state, index) => {
      return state.kind === 'running' && run.plan.steps[index]!.work.kind !== 'approval';
    }).length;
  }

  #hasEnded(step: string): boolean {
    const index = this.run.edges.indexOf.get(id(step));
    const state = index === undefined ? this.endings.get(step)?.state : this.run.states[index];
    return state !== undefined && state.kind !== 'pending' && state.kind !== 'running';
  }
}

/** Plays a plan through a fate, asking the model at every turn whether it agrees. */
function play(beginning: Beginning, fate: readonly number[]): void {
  const player = new Player(beginning);
  const model = new Model(beginning.plan, new Set(beginning.reused));
  const moves = [...fate];
  for (let turn = 0; turn < 500; turn += 1) {
    const draw = moves.shift() ?? 0;
    const isLast = moves.length === 0;
    const isBusyElsewhere = !isLast && draw >> 19 === 1; // several outcomes may come before anything is launched
    if (!isBusyElsewhere) {
      const room = isLast || (draw >> 18) & 1 ? 1000 : 1 + ((draw >> 4) % 3);
      agree(player.launch(model, room).join(), model.launch(room).join(), 'launched');
      player.takeStops();
    }
    player.checkRevisions();
    note(
      'held back',
      player.run.states.some((_, index) => isHeld(player.run, index)),
    );
    if (isRunOver(player.run)) break;
    act(player, model, draw, isLast);
  }
  agree(isRunOver(player.run), true, 'the run came to its end');
  agree(endStranded(player.run, 9), 0, 'steps that nothing could start');
  agree(verdict(player.run), model.verdict(), 'verdict');
  const head = runHead(player.run, { runId: 'r', createdAt: 0, startedAt: 0, endedAt: null });
  for (const [step, { state, tolerated }] of player.finish()) {
    const expected = model.states.get(step)!;
    agree(state.kind, expected.kind, step);
    agree(tolerated, model.isTolerated(step), step, 'tolerated');
    if (state.kind === 'skipped') agree(state.cause.kind, expected.why ?? null, step);
  }
  const endings = [...player.endings.values()];
  agree(endings.length, beginning.plan.steps.length, 'steps that ended');
  for (const [kind, count] of Object.entries(head.counts))
    agree(count, endings.filter(({ state }) => state.kind === kind).length, kind);
  noteEnd(player, model);
  agree(head.toleratedFailures, endings.filter(({ tolerated }) => tolerated).length, 'tolerated failures');
}

function noteEnd({ legs, endings }: Player, model: Model): void {
  note(`ended ${model.verdict()}`, true);
  note('aborted', model.aborted);
  note('three legs', legs >= 3);
  const lines = [...endings.keys()].map((step) => model.outputsFrom(step));
  note(
    'stood in',
    [...endings.keys()].some((step, at) => lines[at] !== null && lines[at] !== step),
  );
  note(
    'declined',
    [...endings.values()].some(({ state }) => state.kind === 'skipped' && state.cause.kind === 'condition'),
  );
  note(
    'reused',
    [...endings.values()].some(({ state }) => state.kind === 'succeeded' && state.reusedFrom !== null),
  );
}

/** Each step that succeeded here has its own name as its output `by`. */
function whoseOutput(run: Run, step: string): string | null {
  return (outputsOf(run, step)['by'] as string | undefined) ?? null;
}

function act(player: Player, model: Model, draw: number, isLast: boolean): void {
  const { run } = player;
  const what = draw % 16;
  const pick = (draw >> 4) & 0xfff;
  if (isLast || what < 10) {
    if (run.paused && (isLast || player.running().length === 0)) {
      run.paused = model.paused = false;
      return;
    }
    const running = player.running();
    const one = running[pick % running.length];
    if (one === undefined) return;
    const kind = one.stopping
      ? (['canceled', 'canceled', 'succeeded', 'failed'] as const)[pick % 4]!
      : what < 6 || isLast
        ? 'succeeded'
        : 'failed';
    const outcome = { succeeded: succeeded({ by: one.id }), failed: failed(), canceled: canceled() }[kind];
    settle(run, run.edges.indexOf.get(id(one.id))!, outcome, 3);
    model.end(one.id, kind);
  } else if (what === 10) {
    run.paused = model.paused = true;
  } else if (what === 11) {
    run.paused = model.paused = false;
  } else if (what === 12 && pick % 4 === 0) {
    cancelRun(run, 'enough', 'me', 4);
    model.cancelRun();
  } else if (what <= 14) {
    const step = run.plan.steps[pick % run.plan.steps.length]!.id;
    if (whyNotCancelStep(run, step) !== null) return;
    cancelStep(run, step, 'not this', 'me', 5);
    model.cancelStep(step);
    if (what === 14) player.handOver(); // before anybody was told to stop
  } else {
    player.handOver();
    if (pick % 4 === 0) player.handOver();
  }
}

test(`${RUNS} random plans, fates and hand-overs end as the model says (PLANWRIGHT_RANDOM_SEED=${SEED})`, () => {
  const law = fc.property(randomBeginning, randomFate, play);
  fc.assert(law, { seed: SEED, numRuns: RUNS });
  const tried = ['ended succeeded', 'ended failed', 'ended canceled', 'aborted', 'held back', 'three legs'];
  for (const what of [...tried, 'stood in', 'declined', 'reused'])
    expect([what, (seen.get(what) ?? 0) >= Math.floor(RUNS / 1_000)]).toEqual([what, true]);
}, 600_000);
