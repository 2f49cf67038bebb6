/**
 * The leases of a run: asks for them, waits, gives them back. What it knows of each stands in the run (`Run.leases`).
 */
import {
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { newLease, type Asker } from '../plan/lease.js';
import { leaseId } from '../plan/lease-names.js';
import { asked, noteLeases, WHOLE_RUN, type LeaseUse } from '../plan/lease-use.js';
import type { StepId } from '../plan/plan.js';
import type { Run } from '../plan/run.js';
import { ASK_SIGNAL, LEASE_WORKFLOW, LEAVE_SIGNAL, type LeaseInput, type LeaseNews } from './lease-api.js';

/** Whose leases they are: the run's own workflow, whichever leg carries it now. */
export type Owner = Omit<Asker, 'step'>;

/** The lease's workflow may have been ended by hand: who waits asks again, which starts it anew. */
const ASK_AGAIN_MS = 60_000;
const MOST_BETWEEN_ASKS_MS = 600_000;
/** A lease that is free and one that is asked for may cross so often. */
const CROSSINGS = 20;

export class Leases {
  readonly #run: Run;
  readonly #owner: Owner;
  /** The last request for each lease that was sent from here. */
  readonly #asking = new Map<string, Promise<void>>();

  constructor(run: Run, owner: Owner) {
    this.#run = run;
    this.#owner = owner;
  }

  /**
   * Takes leases one after the other, for a step or for `WHOLE_RUN`. Those that it has already stay.
   *
   * @param names - in the order of `lease-names.ts`, or two could wait for each other
   * @throws CancelledFailure when the scope it is called in is canceled; whoever calls gives back then
   */
  async take(index: number, names: readonly string[]): Promise<void> {
    // All at once: until the last of them is there, the run or the step waits.
    if (this.#uses(index).length === 0)
      this.#note(
        index,
        names.map((name) => asked(name, Date.now())),
      );
    for (const name of names) {
      const isGranted = (): boolean =>
        this.#uses(index).some((use) => use.name === name && use.grantedAt !== null);
      for (let waitMs = ASK_AGAIN_MS; !isGranted(); waitMs = Math.min(waitMs * 2, MOST_BETWEEN_ASKS_MS)) {
        await this.#ask(index, name);
        if (!isGranted()) await condition(isGranted, waitMs);
      }
    }
  }

  /** Gives back what a step has, and gives up what it waits for. */
  giveBack(index: number): void {
    const asker = this.#asker(index);
    for (const { name } of this.#uses(index)) {
      // A lease whose workflow is gone is nobody's.
      CancellationScope.nonCancellable(() =>
        getExternalWorkflowHandle(leaseId(name)).signal<[Asker]>(LEAVE_SIGNAL, asker),
      ).catch(() => undefined);
    }
  }

  /** Takes in what became of a request. */
  told(news: LeaseNews): void {
    const index = news.step === null ? WHOLE_RUN : this.#run.edges.indexOf.get(news.step as StepId);
    if (index === undefined) return; // a step that has ended, and has given back already
    this.#note(
      index,
      this.#uses(index).map((use) => (use.name === news.name ? changed(use, news) : use)),
    );
  }

  /** Returns the tokens of what the run and one of its steps have. */
  tokens(index: number): Readonly<Record<string, number>> {
    const held = [...this.#uses(WHOLE_RUN), ...this.#uses(index)].flatMap(({ name, token }) =>
      token === null ? [] : [[name, token] as const],
    );
    return Object.fromEntries(held);
  }

  /** Returns how long the run and one of its steps waited for theirs, in milliseconds. */
  waitedMs(index: number): number {
    return [...this.#uses(WHOLE_RUN), ...this.#uses(index)].reduce(
      (sum, { askedAt, grantedAt }) => sum + (grantedAt === null ? 0 : Math.max(0, grantedAt - askedAt)),
      0,
    );
  }

  #uses(index: number): readonly LeaseUse[] {
    return this.#run.leases.get(index) ?? [];
  }

  #note(index: number, uses: readonly LeaseUse[]): void {
    noteLeases(this.#run, index, uses);
  }

  #asker(index: number): Asker {
    return { ...this.#owner, step: index === WHOLE_RUN ? null : this.#run.plan.steps[index]!.id };
  }

  /** Asks for a lease, behind whoever of this run asks for the same one: the order of the plan is that of the queue. */
  #ask(index: number, name: string): Promise<void> {
    const before = this.#asking.get(name) ?? Promise.resolve();
    const now = before.then(
      () => this.#send(index, name),
      () => this.#send(index, name),
    );
    this.#asking.set(name, now);
    return now;
  }

  /** Sends the request: it starts the lease's workflow, or goes to the one that is there. Not cut off by a cancel. */
  async #send(index: number, name: string): Promise<void> {
    const asker = this.#asker(index);
    await CancellationScope.nonCancellable(async () => {
      for (let tries = 0; tries < CROSSINGS; tries += 1) {
        if (await start(name, asker)) return;
        const isThere = await getExternalWorkflowHandle(leaseId(name))
          .signal<[Asker]>(ASK_SIGNAL, asker)
          .then(
            () => true,
            () => false, // it ended between the two
          );
        if (isThere) return;
      }
    });
  }
}

/** Starts the workflow of a lease; false when it is there already. */
async function start(name: string, asker: Asker): Promise<boolean> {
  const input: LeaseInput = { lease: newLease(name), asker, forced: [] };
  try {
    const keeper = await startChild(LEASE_WORKFLOW, {
      workflowId: leaseId(name),
      args: [input],
      // It belongs to everybody who asks for it, not to the first of them.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: `lease ${name}`.slice(0, 200),
    });
    keeper.result().catch(() => undefined);
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

function changed(use: LeaseUse, news: LeaseNews): LeaseUse {
  switch (news.kind) {
    case 'granted':
      return use.grantedAt === null ? { ...use, grantedAt: news.at, token: news.token } : use;
    case 'waiting': {
      const { heldBy, ahead } = news;
      return use.grantedAt === null ? { ...use, heldBy, ahead } : use;
    }
    case 'taken': {
      const { at, reason, actor } = news;
      return { ...use, taken: { at, reason, actor } };
    }
    default:
      return news satisfies never;
  }
}
