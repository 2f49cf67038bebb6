/**
 * What a landing queue wants done, done: each command is an activity, and each answer news for the queue.
 */
import { CancellationScope, isCancellation, rootCause } from '@temporalio/workflow';
import type { Fate, Landing, LandingCommand, LandingEvent } from '../landing/landing.js';
import { landingCounts, patchesAtWork, type LandingCounts } from '../landing/counts.js';
import { take } from '../landing/take.js';
import { gateActivities, gitActivities, resolveActivities } from './landing-activities.js';
import type {
  ConflictReport,
  GatesDone,
  LandingGate,
  LandingInput,
  LandingPatch,
  LandingReport,
  ProvenPatch,
  WorkstreamsEnded,
} from './landing-api.js';
import { noteStrays } from './landing-outputs.js';

/** What a report carries must fit one message, for any number of runs. */
const MAX_GATE_RUNS = 2_000;
const MAX_TAIL = 1_000;
const MAX_TAILS = 200;

type Doing = Extract<LandingCommand, { kind: 'merge' | 'resolve' | 'run-gates' | 'land' }>;

/** What is being done for a queue. */
export class LandingQueue {
  underWay = 0;
  /** Commands for the next execution: this one's history is full. */
  readonly deferred: LandingCommand[] = [];
  /** Null: something ended that the queue need not hear of, but the loop must look. */
  readonly #news: (LandingEvent | null)[] = [];
  readonly #gateRuns = new Map<number, CancellationScope>();
  /** By candidate. */
  readonly #resolving = new Map<number, CancellationScope>();
  readonly #patches: Map<string, LandingPatch>;
  readonly #gates: ReadonlyMap<string, LandingGate>;
  /** Told of, whatever they say. */
  readonly #advisory: readonly LandingGate[];

  constructor(
    readonly input: LandingInput,
    readonly landing: Landing,
    readonly report: LandingReport,
    patches: readonly LandingPatch[],
    /** Says whether nothing new is to be begun any more. */
    readonly isFull: () => boolean,
  ) {
    this.#patches = new Map(patches.map((patch) => [patch.id, patch]));
    this.#gates = new Map(input.gates.map((gate) => [gate.name, gate]));
    this.#advisory = input.gates.filter(({ blocking }) => !blocking);
  }

  get hasNews(): boolean {
    return this.#news.length > 0;
  }

  /** Says whether there is nothing to wait for: all is decided, or what is left is for the next execution. */
  get isAtRest(): boolean {
    const { landing, deferred, underWay } = this;
    return (
      !this.hasNews && underWay === 0 && (landing.closed || landing.halt !== null || deferred.length > 0)
    );
  }

  get patches(): LandingPatch[] {
    return [...this.#patches.values()];
  }

  tell(event: LandingEvent): void {
    this.#news.push(event);
  }

  /** Takes in workstreams that have ended; of those known already it takes no notice. */
  ended({ patches, absent }: WorkstreamsEnded): void {
    const { landing, input } = this;
    const isNew = (id: string): boolean =>
      input.workstreams.includes(id) && !this.#patches.has(id) && landing.absent[id] === undefined;
    for (const [patch, outcome] of Object.entries(absent))
      if (isNew(patch)) this.tell({ kind: 'absent', patch, outcome });
    const fresh = patches.filter(({ id }) => isNew(id));
    for (const patch of fresh) this.#patches.set(patch.id, patch);
    if (fresh.length > 0) this.tell({ kind: 'enqueued', patches: fresh });
  }

  /** Takes in the answer to a move alone, and begins nothing. */
  takeInMoves(): void {
    for (const event of this.#news.splice(0)) {
      if (event?.kind !== 'landed') continue;
      for (const command of take(this.landing, event)) if (command.kind === 'decided') this.carryOut(command);
    }
  }

  takeIn(): void {
    for (let event = this.#news.shift(); event !== undefined; event = this.#news.shift())
      if (event !== null) this.#take(event);
    const { landing, input, report } = this;
    if (!landing.closed && input.workstreams.every((id) => this.#isKnown(id))) this.#take({ kind: 'closed' });
    report.halt = landing.halt;
    // Nobody asks for their results any more.
    if (landing.halt !== null) for (const scope of this.#gateRuns.values()) scope.cancel();
  }

  #take(event: LandingEvent): void {
    for (const command of take(this.landing, event)) this.carryOut(command);
  }

  get counts(): LandingCounts {
    const { input, landing, report } = this;
    return landingCounts(landing, {
      expected: input.workstreams.filter((id) => !this.#isKnown(id)).length,
      conflicts: report.conflicts.length,
      moves: input.branch !== '',
    });
  }

  /** What is being done for patches that wait, by workstream. */
  get atWork(): ReadonlyMap<string, string> {
    return patchesAtWork(this.landing);
  }

  #isKnown(workstream: string): boolean {
    return this.landing.patches[workstream] !== undefined || this.landing.absent[workstream] !== undefined;
  }

  carryOut(command: LandingCommand): void {
    switch (command.kind) {
      case 'merge':
      case 'resolve':
      case 'run-gates':
      case 'land':
        // What is under way comes to its end, gates within their limits; nothing new is begun meanwhile.
        if (this.isFull()) this.deferred.push(command);
        else this.#begin(command);
        break;
      case 'stop-gates':
        this.#drop((each) => each.kind === 'run-gates' && each.run === command.run);
        this.#gateRuns.get(command.run)?.cancel();
        break;
      case 'stop-resolve':
        this.#drop((each) => each.kind === 'resolve' && each.candidate === command.candidate);
        this.#resolving.get(command.candidate)?.cancel();
        break;
      case 'decided':
        this.#decided(command.patch, command.fate);
        break;
      default:
        command satisfies never;
    }
  }

  /** Takes a command back that waits for the next execution. */
  #drop(isIt: (command: LandingCommand) => boolean): void {
    const waits = this.deferred.findIndex(isIt);
    if (waits >= 0) this.deferred.splice(waits, 1);
  }

  /** Patches that came to no end are in the report all the same. */
  noteUndecided(): void {
    const { fates } = this.report;
    for (const [patch, { fate }] of Object.entries(this.landing.patches))
      fates[patch] ??= { fate, at: Date.now() };
  }

  #decided(patch: string, decided: Fate): void {
    // Without a branch nothing lands: proven is all that a patch can be.
    const fate: Fate =
      decided.kind === 'landed' && this.input.branch === '' ? { ...decided, kind: 'approved' } : decided;
    this.report.fates[patch] = { fate, at: Date.now() };
    if (fate.kind === 'quarantined' && fate.why.reason === 'conflict')
      this.#noteConflict({ patch, conflict: fate.why.conflict });
  }

  /** One entry for each patch: what was found last counts. */
  #noteConflict(found: ConflictReport): void {
    const { conflicts } = this.report;
    const at = conflicts.findIndex(({ patch }) => patch === found.patch);
    conflicts.splice(at < 0 ? conflicts.length : at, at < 0 ? 0 : 1, found);
  }

  #begin(command: Doing): void {
    this.underWay += 1;
    void this.#do(command).then((event) => {
      this.underWay -= 1;
      this.#news.push(event);
    });
  }

  /** Never rejects: what went wrong is news. */
  #do(command: Doing): Promise<LandingEvent | null> {
    switch (command.kind) {
      case 'merge':
        return this.#merge(command);
      case 'resolve':
        return this.#resolve(command);
      case 'run-gates':
        return this.#runGates(command);
      default:
        return this.#move(command);
    }
  }

  async #merge({
    candidate,
    onto,
    patches,
    above = [],
  }: Extract<Doing, { kind: 'merge' }>): Promise<LandingEvent | null> {
    const { runId, step, root } = this.input;
    const named = (ids: readonly string[]): LandingPatch[] => ids.map((id) => this.#patches.get(id)!);
    try {
      const onTop = above.length === 0 ? {} : { above: above.map((one) => named(one.patches)) };
      const task = { runId, step, root, onto, patches: named(patches), ...onTop, atSec: nowSec() };
      const { above: done = [], ...first } = await gitActivities(this.input).mergeForLanding(task);
      const answers = done.map((one, at) => ({ ...one, candidate: above[at]!.candidate }));
      return { kind: 'merged-in-a-row', answers: [{ ...first, candidate }, ...answers] };
    } catch (error) {
      if (isCancellation(error)) return null;
      const conflict = { kind: 'failed', files: [], with: [], detail: messageOf(error) } as const;
      return { kind: 'conflicted', candidate, patch: patches[0]!, conflict };
    }
  }

  async #resolve({
    candidate,
    onto,
    patch,
  }: Extract<Doing, { kind: 'resolve' }>): Promise<LandingEvent | null> {
    const { runId, step, root, branch, conflicts: help, env = {} } = this.input;
    if (help === undefined) throw new Error('BUG: nobody can be asked about conflicts');
    const wanted = this.#patches.get(patch)!;
    const scope = new CancellationScope();
    this.#resolving.set(candidate, scope);
    try {
      const { resolveForLanding } = resolveActivities(this.input, patch, help);
      const task = { runId, step, root, branch, onto, patch: wanted, atSec: nowSec(), help, env };
      const done = await scope.run(() => resolveForLanding(task));
      if (done.kind === 'conflicted') return { ...done, candidate, patch };
      const { commit, tree, conflict, resolved } = done;
      this.#noteConflict({ patch, conflict, resolved });
      return { kind: 'merged', candidate, commit, tree, resolved };
    } catch (error) {
      // Stopped, by the queue or with the run: there is nobody to tell.
      if (isCancellation(error)) return null;
      const conflict = { kind: 'failed', files: [], with: [], detail: messageOf(error) } as const;
      return { kind: 'conflicted', candidate, patch, conflict };
    } finally {
      this.#resolving.delete(candidate);
    }
  }

  async #move({
    from: onto,
    to,
    tree,
    patches,
  }: Extract<Doing, { kind: 'land' }>): Promise<LandingEvent | null> {
    const { runId, step, root, branch } = this.input;
    if (branch === '') return { kind: 'landed' };
    const { report } = this;
    const from = report.tip;
    const task = {
      ...{ runId, step, root, branch },
      from,
      onto,
      to,
      tree,
      patches: this.#proven(patches),
      atSec: nowSec(),
    };
    try {
      // Not to be called back: whether it happened must be known.
      const done = await CancellationScope.nonCancellable(() => gitActivities(this.input).moveBranch(task));
      noteStrays(report, done.strays ?? []);
      if (done.kind === 'landed') report.moves.push({ from, to: done.commit, at: Date.now() });
      if (done.kind !== 'land-refused') report.tip = done.commit;
      return done.kind === 'landed' ? { kind: 'landed' } : done;
    } catch (error) {
      return { kind: 'land-refused', detail: messageOf(error) };
    }
  }

  #proven(patches: readonly string[]): ProvenPatch[] {
    return patches.map((id) => {
      const { fate } = this.landing.patches[id]!;
      if (fate.kind !== 'approved') throw new Error(`BUG: patch "${id}" is to land and is ${fate.kind}`);
      return { ...this.#patches.get(id)!, proof: fate.proof };
    });
  }

  async #runGates({
    run,
    commit,
    tree,
    gates: names,
  }: Extract<Doing, { kind: 'run-gates' }>): Promise<LandingEvent | null> {
    const { runId, step, root, setup, env = {}, minFreeBytes } = this.input;
    const gates = [...names.map((name) => this.#gates.get(name)!), ...this.#advisory];
    const scope = new CancellationScope();
    this.#gateRuns.set(run, scope);
    try {
      const { runGates } = gateActivities(this.input, gates);
      const done = await scope.run(() =>
        runGates({ runId, step, root, commit, tree, gates, setup, env, minFreeBytes }),
      );
      this.#reportGates(tree, done);
      const results = done.results.filter(({ gate }) => names.includes(gate));
      return {
        kind: 'gated',
        run,
        results: Object.fromEntries(results.map(({ gate, result }) => [gate, result])),
      };
    } catch (error) {
      // Stopped, by the queue or with the run: there is nobody to tell. Else it could not be run: nothing is said against a patch.
      if (isCancellation(error)) return null;
      this.#reportGates(tree, { results: [couldNotRun(names[0] ?? '', messageOf(error))] });
      return { kind: 'gated', run, results: {} };
    } finally {
      this.#gateRuns.delete(run);
    }
  }

  #reportGates(tree: string, { results }: GatesDone): void {
    const candidate = Object.values(this.landing.candidates).find(
      ({ state }) => state.kind === 'merged' && state.tree === tree,
    );
    const patches = candidate?.patches ?? [];
    const { gateRuns } = this.report;
    for (const result of results)
      gateRuns.push({ ...result, tail: result.tail.slice(-MAX_TAIL), tree, patches });
    const [old] = gateRuns.slice(-MAX_TAILS - 1, -MAX_TAILS);
    if (old !== undefined && old.tail !== '')
      gateRuns[gateRuns.length - MAX_TAILS - 1] = { ...old, tail: '' };
    this.report.gateRunsOmitted += gateRuns.splice(0, gateRuns.length - MAX_GATE_RUNS).length;
  }
}

const couldNotRun = (gate: string, tail: string): GatesDone['results'][number] => {
  const at = Date.now();
  return { gate, result: 'error', startedAt: at, endedAt: at, tail };
};

const nowSec = (): number => Math.floor(Date.now() / 1000);

const messageOf = (error: unknown): string => (rootCause(error) ?? String(error)).slice(0, 1000);
