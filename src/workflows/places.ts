/**
 * The places under `maxConcurrency` as a leg's steps meet them that wait for a tool: they are given back, and had again.
 */
import { condition, patched } from '@temporalio/workflow';
import { stepAside, takePlace, type GoesOnFrom } from '../plan/places.js';
import type { StepId } from '../plan/plan.js';
import type { Run } from '../plan/run.js';
import { noteToolWait, type ToolWait } from '../plan/tool-wait.js';

export class Places {
  readonly #run: Run;
  readonly #changed: () => void;
  /** Another leg has the steps that were aside. */
  isHandedOn = false;

  /** @param changed - others may start, or there is news of a step */
  constructor(run: Run, changed: () => void) {
    this.#run = run;
    this.#changed = changed;
  }

  /** Notes that a step waits for its tool, and gives its place to others; null: the wait is over. */
  waits(step: StepId, wait: ToolWait | null, from: GoesOnFrom): void {
    if (this.isHandedOn) return;
    const index = this.#indexOf(step);
    noteToolWait(this.#run, index, wait, Date.now());
    // In runs of before, who waited kept its place: what others did meanwhile must be found again.
    if (wait !== null && patched('places-of-waiting-steps')) stepAside(this.#run, index, from);
    this.#changed();
  }

  /** Returns whether a step has its place, also again; else it waits for the next one. */
  take(step: StepId): boolean {
    const has = takePlace(this.#run, this.#indexOf(step), Date.now());
    this.#changed();
    return has;
  }

  /**
   * Waits until a step has its place again.
   *
   * @throws CancelledFailure when the scope it is called in is canceled
   */
  async had(step: StepId): Promise<void> {
    const index = this.#indexOf(step);
    await condition(() => !this.#run.aside.has(index));
  }

  /** Lets go of all steps that are aside and not to be stopped: the next leg goes on with them. Returns their indices. */
  handOn(): ReadonlySet<number> {
    this.isHandedOn = true;
    return new Set(
      [...this.#run.aside.keys()].filter((index) => {
        const state = this.#run.states[index]!;
        return state.kind === 'running' && state.stop === null;
      }),
    );
  }

  #indexOf(step: StepId): number {
    return this.#run.edges.indexOf.get(step)!;
  }
}
