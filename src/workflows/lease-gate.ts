/**
 * What stands between a step that the core started and its launch when leases are needed: the wait for them. The run as
 * a whole waits in the same way, before its first step.
 */
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { runLeases } from '../plan/lease-names.js';
import { waitedFor, WHOLE_RUN } from '../plan/lease-use.js';
import type { Run } from '../plan/run.js';
import type { Outcome } from '../plan/step-state.js';
import type { LeaseNews } from './lease-api.js';
import { Leases, type Owner } from './leases.js';
import { CANCELED, failedBy } from './outcome.js';

/** What a step does behind the gate, or in place of it. */
export interface Behind {
  readonly launch: () => void;
  readonly settle: (outcome: Outcome) => void;
}

export class LeaseGate {
  readonly #run: Run;
  readonly #leases: Leases;
  readonly #waiting = new Map<number, CancellationScope>();
  #isHandedOn = false;

  constructor(run: Run, owner: Owner) {
    this.#run = run;
    this.#leases = new Leases(run, owner);
  }

  /** True while the run as a whole waits: no step may start. */
  get isClosed(): boolean {
    return waitedFor(this.#run.leases.get(WHOLE_RUN)) !== null;
  }

  /** How many steps wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Takes what the run holds from its first step to its end; it is given back by the run's warden. Nothing for a leg
   * that took over a run which has it.
   */
  closeUntilTaken(failed: (reason: string) => void): void {
    const names = runLeases(this.#run.plan);
    if (names.length === 0 || this.#run.leases.has(WHOLE_RUN)) return;
    this.#leases.take(WHOLE_RUN, names).catch((error: unknown) => {
      if (!isCancellation(error)) failed(`the leases could not be taken: ${String(error)}`);
    });
  }

  /** Lets a step through once it has its leases and the run is not paused. They are given back when it settles. */
  enter(index: number, names: readonly string[], { launch, settle }: Behind): void {
    const scope = new CancellationScope();
    this.#waiting.set(index, scope);
    const through = scope.run(async () => {
      await this.#leases.take(index, names);
      if (this.#run.paused) await condition(() => !this.#run.paused);
    });
    void through.then(
      () => {
        this.#waiting.delete(index);
        if (!this.#isHandedOn) launch();
      },
      (error: unknown) => {
        this.#waiting.delete(index);
        if (this.#isHandedOn) return; // the next leg waits now
        const message = `its leases could not be taken: ${String(error)}`;
        settle(isCancellation(error) ? CANCELED : failedBy({ reason: 'infrastructure', message }));
      },
    );
  }

  /** Gives up the wait of a step; false when it does not wait here. */
  cancel(index: number): boolean {
    const scope = this.#waiting.get(index);
    scope?.cancel();
    return scope !== undefined;
  }

  giveBack(index: number): void {
    this.#leases.giveBack(index);
  }

  told(news: LeaseNews): void {
    this.#leases.told(news);
  }

  tokens(index: number): Readonly<Record<string, number>> {
    return this.#leases.tokens(index);
  }

  /** Returns how long was waited for them, in milliseconds. */
  waitedMs(index: number): number {
    return this.#leases.waitedMs(index);
  }

  /** Lets go of all that wait, without giving up their places, and returns them: the next leg waits for them. */
  handOn(): ReadonlySet<number> {
    this.#isHandedOn = true;
    const indices = new Set(this.#waiting.keys());
    for (const scope of this.#waiting.values()) scope.cancel();
    return indices;
  }
}
