/**
 * The workflow of one lease. It is there while somebody has the lease or waits for it: a request starts it, and the
 * last return ends it.
 */
import {
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  ApplicationFailure,
} from '@temporalio/workflow';
import type { Activities } from '../activities/api.js';
import { ask, forget, grant, leave, positionOf, type Asker, type Lease } from '../plan/lease.js';
import { EntityWorkflow } from './entity-workflow.js';
import {
  ASK_SIGNAL,
  FORGET_SIGNAL,
  LEASE_QUERY,
  LEASE_SIGNAL,
  LEAVE_SIGNAL,
  RELEASE_UPDATE,
  type ForcedRelease,
  type LeaseInput,
  type LeaseNews,
  type LeaseView,
  type ReleaseRequest,
} from './lease-api.js';
import { leaseDetails } from './lease-details.js';

/** How many of those that wait are told when their place changes: each of the others would hear of every change. */
const TOLD = 8;
/** Forced releases that are remembered. */
const REMEMBERED = 20;
/** A holder's end is heard of at once (`warden.ts`). This is for one whose warden was ended by hand. */
const FIRST_LOOK_MS = 5_000;
const MOST_BETWEEN_LOOKS_MS = 60_000;
/** While nobody waits, a dead holder harms nobody. */
const IDLE_LOOK_MS = 600_000;

/** Keeps a lease until nobody has it and nobody waits for it. A cancel changes nothing: `release` is what is meant. */
export function keepLease(input: LeaseInput): Promise<void> {
  return CancellationScope.nonCancellable(() => new Keeper(input).keep());
}

class Keeper {
  #lease: Lease;
  #forced: readonly ForcedRelease[];
  readonly #entity = new EntityWorkflow();
  /** What each of those that wait was told last. */
  readonly #told = new Map<string, string>();

  constructor({ lease, asker, forced }: LeaseInput) {
    this.#lease = asker === null ? lease : ask(lease, asker, Date.now());
    this.#forced = forced;
    this.#openDoors();
  }

  keep(): Promise<void> {
    void this.#look();
    return this.#entity.serve({
      step: () => {
        this.#grant();
        setCurrentDetails(leaseDetails(this.#view()));
      },
      isIdle: () => this.#lease.holders.length === 0 && this.#lease.waiting.length === 0,
      succeed: () =>
        continueAsNew<(input: LeaseInput) => Promise<void>>({
          lease: this.#lease,
          asker: null,
          forced: this.#forced,
        }),
    });
  }

  #view(): LeaseView {
    return { lease: this.#lease, forced: this.#forced };
  }

  #change(lease: Lease): void {
    this.#lease = lease;
    this.#entity.news();
  }

  #openDoors(): void {
    setHandler(defineSignal<[Asker]>(ASK_SIGNAL), (asker) => {
      // Who asks again has not heard: it is told again.
      this.#told.delete(keyOf(asker));
      const holder = this.#lease.holders.find((one) => keyOf(one) === keyOf(asker));
      if (holder !== undefined) this.#tellGranted(holder);
      this.#change(ask(this.#lease, asker, Date.now()));
    });
    setHandler(defineSignal<[Asker]>(LEAVE_SIGNAL), (asker) => this.#change(leave(this.#lease, asker)));
    setHandler(defineSignal<[Pick<Asker, 'run' | 'execution'>]>(FORGET_SIGNAL), (run) =>
      this.#change(forget(this.#lease, run)),
    );
    setHandler(defineQuery<LeaseView>(LEASE_QUERY), () => this.#view());
    setHandler(defineUpdate<number, [ReleaseRequest]>(RELEASE_UPDATE), (request) => this.#release(request), {
      description: 'Takes the lease away from whoever has it. Argument: {"reason": "…", "actor": "…"}',
      validator: (_: ReleaseRequest) => {
        if (this.#lease.holders.length === 0)
          throw ApplicationFailure.nonRetryable(`nobody holds the lease "${this.#lease.name}"`, 'Refused');
      },
    });
  }

  #release({ reason, actor }: ReleaseRequest): number {
    const { holders } = this.#lease;
    const at = Date.now();
    for (const holder of holders) {
      const { run, step } = holder;
      this.#forced = [...this.#forced, { at, run, step, reason, actor }].slice(-REMEMBERED);
      this.#tell(holder, { kind: 'taken', at, reason, actor });
    }
    this.#change({ ...this.#lease, holders: [] });
    return holders.length;
  }

  #grant(): void {
    const { lease, granted } = grant(this.#lease, Date.now());
    this.#lease = lease;
    for (const holder of granted) this.#tellGranted(holder);
    for (const waiter of lease.waiting.slice(0, TOLD)) {
      const position = positionOf(lease, waiter);
      if (position === null) continue;
      const text = JSON.stringify(position);
      if (this.#told.get(keyOf(waiter)) === text) continue;
      this.#told.set(keyOf(waiter), text);
      this.#tell(waiter, { kind: 'waiting', ...position });
    }
  }

  #tellGranted(holder: Lease['holders'][number]): void {
    this.#told.delete(keyOf(holder));
    this.#tell(holder, { kind: 'granted', token: holder.token, at: holder.grantedAt });
  }

  /** Tells a run what became of its request. One that cannot be told is over. */
  #tell(asker: Asker, what: Told): void {
    const news: LeaseNews = { name: this.#lease.name, step: asker.step, ...what };
    this.#entity.during(
      getExternalWorkflowHandle(asker.run, asker.execution)
        .signal<[LeaseNews]>(LEASE_SIGNAL, news)
        .catch(() => this.#change(forget(this.#lease, asker))),
    );
  }

  /** Looks now and then whether those that have the lease are still there. */
  async #look(): Promise<void> {
    const { findEnded } = proxyActivities<Activities>({
      activityId: 'find-ended',
      summary: 'look whether the holder is still there',
      startToCloseTimeout: '20s',
      retry: { maximumAttempts: 3 },
    });
    let waitMs = FIRST_LOOK_MS;
    for (;;) {
      await condition(() => this.#lease.holders.length > 0);
      const { holders } = this.#lease;
      const isWanted = this.#lease.waiting.length > 0;
      const isOther = (): boolean =>
        this.#lease.holders !== holders || this.#lease.waiting.length > 0 !== isWanted;
      const hasChanged = await condition(isOther, isWanted ? waitMs : IDLE_LOOK_MS);
      if (hasChanged) {
        waitMs = FIRST_LOOK_MS;
        continue;
      }
      waitMs = Math.min(waitMs * 2, MOST_BETWEEN_LOOKS_MS);
      const askers = holders.map(({ run, execution }) => ({ run, execution }));
      const ended = await findEnded({ askers }).catch(() => []); // the next look is soon enough
      for (const run of ended) this.#change(forget(this.#lease, run));
    }
  }
}

type Told = LeaseNews extends infer News
  ? News extends LeaseNews
    ? Omit<News, 'name' | 'step'>
    : never
  : never;

const keyOf = ({ run, execution, step }: Asker): string => JSON.stringify([run, execution, step]);
