/**
 * The rules of a run a second time, as plainly as they can be said: no counters, no queues, everything worked out
 * anew from the states after each event. Shares no code with `src/plan`, so that the two can disagree.
 */
import type { Plan, Step } from '../../src/plan/plan.js';

export interface ModelState {
  kind: 'pending' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'canceled';
  /** It ended when the run was stopping already: nothing follows from it. */
  late?: boolean;
  /** It ended without having waited for those above it: canceled in time, or an earlier run's result. */
  early?: boolean;
  why?: 'condition' | 'dependency' | 'unused-fallback' | 'stopped' | 'step-canceled';
}

type Stand = 'open' | 'good' | 'bad' | 'stop';

export class Model {
  readonly states = new Map<string, ModelState>();
  readonly #steps: readonly Step[];
  readonly #max: number;
  aborted = false;
  canceled = false;
  paused = false;

  constructor(plan: Plan, reused: ReadonlySet<string> = new Set()) {
    this.#steps = plan.steps;
    this.#max = plan.maxConcurrency;
    for (const { id } of plan.steps) {
      this.states.set(id, reused.has(id) ? { kind: 'succeeded', early: true } : { kind: 'pending' });
    }
    this.#consequences();
  }

  #of = (id: string): ModelState => this.states.get(id)!;
  #step = (id: string): Step => this.#steps.find((step) => step.id === id)!;
  #primary = (id: string): Step | undefined =>
    this.#steps.find((step) => step.onFailure.kind === 'fallback' && step.onFailure.step === id);
  /** Failed, canceled, or a fallback that its own condition held back: the next fallback is called upon. */
  #cameToNothing = (id: string): boolean =>
    (this.#isBad(this.#of(id)) && this.#of(id).why !== 'stopped' && !this.#of(id).late) ||
    (this.#of(id).why === 'condition' && this.#primary(id) !== undefined);
  #isBad = (state: ModelState): boolean => state.kind === 'failed' || state.kind === 'canceled';

  /** Was this fallback called upon? Every step above it in its line has failed. */
  #isNeeded(id: string): boolean {
    const primary = this.#primary(id);
    return (
      primary !== undefined &&
      this.#cameToNothing(primary.id) &&
      (this.#primary(primary.id) === undefined || this.#isNeeded(primary.id))
    );
  }

  /** Will this fallback never be called upon? */
  #isUnused(id: string): boolean {
    const primary = this.#primary(id);
    if (primary === undefined) return false;
    const { kind } = this.#of(primary.id);
    if (kind === 'skipped') return !this.#cameToNothing(primary.id);
    if (this.#primary(primary.id) !== undefined && !this.#isNeeded(primary.id))
      return this.#isUnused(primary.id);
    return kind === 'succeeded' && this.#stand(primary.id) === 'good';
  }

  #standOfFailure(step: Step): Stand {
    const policy = step.onFailure;
    if (policy.kind === 'continue') return 'good';
    if (policy.kind === 'abort') return step.critical ? 'stop' : 'bad';
    if (policy.kind === 'skip_dependents') return 'bad';
    if (this.#of(step.id).late) return 'bad'; // nothing is called upon any more
    const fallback = this.#of(policy.step);
    if (fallback.kind === 'succeeded') return 'good';
    if (fallback.kind === 'pending' || fallback.kind === 'running') return 'open';
    if (fallback.kind === 'skipped' && fallback.why !== 'condition') return 'bad';
    if (fallback.why === 'stopped') return 'bad';
    return this.#standOfFailure(this.#step(policy.step));
  }

  #stand(id: string): Stand {
    const own = this.#ownStand(id);
    if (own !== 'good' || this.#of(id).early !== true) return own;
    const above = this.#dependencies(id).map((dependency) => this.#stand(dependency));
    return above.includes('bad') ? 'bad' : above.every((stand) => stand === 'good') ? 'good' : 'open';
  }

  #ownStand(id: string): Stand {
    const state = this.#of(id);
    if (state.kind === 'pending' || state.kind === 'running') return 'open';
    if (state.kind === 'succeeded') return 'good';
    if (state.kind === 'skipped') return state.why === 'condition' ? 'good' : 'bad';
    return this.#standOfFailure(this.#step(id));
  }

  #dependencies(id: string): readonly string[] {
    const primary = this.#primary(id);
    return primary === undefined ? this.#step(id).dependsOn : this.#dependencies(primary.id);
  }

  #mayStart(step: Step): boolean {
    if (this.#of(step.id).kind !== 'pending') return false;
    if (this.#primary(step.id) !== undefined && !this.#isNeeded(step.id)) return false;
    return this.#dependencies(step.id).every((dependency) => this.#stand(dependency) === 'good');
  }

  #consequences(): void {
    for (let changed = true; changed;) {
      changed = false;
      if (this.aborted || this.canceled) {
        for (const state of this.states.values()) {
          if (state.kind === 'running') state.why ??= 'stopped';
          if (state.kind === 'pending') Object.assign(state, { kind: 'canceled', why: 'stopped' });
        }
        return;
      }
      for (const step of this.#steps) {
        const state = this.#of(step.id);
        const primary = this.#primary(step.id);
        if (
          this.#isBad(state) &&
          (primary === undefined || this.#isNeeded(step.id)) &&
          this.#stand(step.id) === 'stop'
        ) {
          this.aborted = true;
          changed = true;
          break;
        }
        if (
          state.kind === 'skipped' &&
          state.why === 'condition' &&
          primary !== undefined &&
          this.#standOfFailure(step) === 'stop'
        ) {
          this.aborted = true;
          changed = true;
          break;
        }
        if (state.kind !== 'pending') continue;
        if (this.#dependencies(step.id).some((dependency) => this.#stand(dependency) === 'bad')) {
          Object.assign(state, { kind: 'skipped', why: 'dependency' });
        } else if (this.#isUnused(step.id)) {
          Object.assign(state, { kind: 'skipped', why: 'unused-fallback' });
        } else {
          continue;
        }
        changed = true;
        break;
      }
    }
  }

  #holds(condition: string): boolean {
    const [step, state, by] = condition.split(' ');
    if (by !== undefined) return this.outputsFrom(step!) === by;
    return state === undefined ? condition === 'yes' : this.#of(step!).kind === state;
  }

  /** Whose outputs are read under this id? The step's own or those of a fallback; null: there are none. */
  outputsFrom(id: string): string | null {
    if (this.#of(id).kind === 'succeeded') return id;
    const policy = this.#step(id).onFailure;
    return policy.kind === 'fallback' ? this.outputsFrom(policy.step) : null;
  }

  /** The steps that must have ended before this one starts, directly or not. */
  ancestors(id: string, found = new Set<string>()): Set<string> {
    const primary = this.#primary(id);
    for (const above of [...this.#dependencies(id), ...(primary === undefined ? [] : [primary.id])]) {
      if (found.has(above)) continue;
      found.add(above);
      this.ancestors(above, found);
    }
    return found;
  }

  /** The steps that start now, in plan order, at most `room`. */
  launch(room = Infinity): string[] {
    const launched: string[] = [];
    if (this.paused) return launched;
    for (;;) {
      const declined = this.#steps.find(
        (step) => step.condition !== null && this.#mayStart(step) && !this.#holds(step.condition),
      );
      if (declined === undefined) break;
      Object.assign(
        this.#of(declined.id),
        declined.condition === 'error' ? { kind: 'failed' } : { kind: 'skipped', why: 'condition' },
      );
      this.#consequences();
    }
    if (this.aborted || this.canceled) return launched;
    for (const step of this.#steps) {
      const busy = this.#steps.filter(
        (other) => this.#of(other.id).kind === 'running' && other.work.kind !== 'approval',
      ).length;
      if (
        launched.length >= room ||
        !this.#mayStart(step) ||
        (step.work.kind !== 'approval' && busy >= this.#max)
      )
        continue;
      this.#of(step.id).kind = 'running';
      launched.push(step.id);
    }
    return launched;
  }

  end(id: string, kind: 'succeeded' | 'failed' | 'canceled'): void {
    const state = this.#of(id);
    state.kind = kind;
    state.late = this.aborted || this.canceled;
    if (kind !== 'canceled') delete state.why;
    this.#consequences();
  }

  cancelStep(id: string): void {
    const state = this.#of(id);
    if (state.kind === 'pending')
      Object.assign(state, { kind: 'canceled', why: 'step-canceled', early: true });
    else state.why = 'step-canceled';
    this.#consequences();
  }

  cancelRun(): void {
    if (
      !this.aborted &&
      [...this.states.values()].some((state) => state.kind === 'pending' || state.kind === 'running')
    )
      this.canceled = true;
    this.#consequences();
  }

  /** Does the run go on as if this failed step had succeeded? */
  isTolerated(id: string): boolean {
    if (!this.#isBad(this.#of(id)) || this.#of(id).why === 'stopped') return false;
    const unneeded = this.#primary(id) !== undefined && !this.#isNeeded(id);
    return (
      (unneeded && this.#of(id).why === 'step-canceled') || this.#standOfFailure(this.#step(id)) === 'good'
    );
  }

  verdict(): 'succeeded' | 'failed' | 'canceled' {
    if (this.aborted) return 'failed';
    if (this.canceled) return 'canceled';
    const spoiled = this.#steps.some(
      (step) => step.critical && this.#isBad(this.#of(step.id)) && !this.isTolerated(step.id),
    );
    return spoiled ? 'failed' : 'succeeded';
  }
}
