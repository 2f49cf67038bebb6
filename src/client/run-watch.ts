/**
 * Keeps an open run's state up to date by asking only for what changed.
 */
import type { Client } from '@temporalio/client';
import type { LiveAttempt } from '../plan/live.js';
import type { Plan } from '../plan/plan.js';
import type { RunRecord, StepRecord } from '../plan/record.js';
import type { LandingCounts } from '../landing/counts.js';
import { LANDING_COUNTS_QUERY, landingId } from '../workflows/landing-api.js';
import { askChanges, askPlan } from '../record/ask-run.js';
import { legOf } from '../record/layout.js';
import { mergeRecord, type LegPart } from '../record/legs.js';
import { describeLeg, type Described } from './live-attempts.js';

const standing = (startedAt: number | null, landing: LandingCounts): LiveAttempt => ({
  ...{ number: 1, state: 'running', startedAt, nextAt: null, ended: [], lastFailure: null, worker: null },
  landing,
});

interface WatchedLeg {
  readonly workflowId: string;
  revision: number;
  readonly steps: Map<string, StepRecord>;
  part: LegPart | null;
}

/** What a look at a run found new. */
export interface Refreshed {
  /** The steps that changed. */
  readonly changed: readonly StepRecord[];
  /** Also true when only the run as a whole changed: it waits for a lease, it was paused. */
  readonly isNews: boolean;
}

/** One run, watched. Not for two callers at once. */
export class RunWatch {
  readonly #client: Client;
  readonly #legs: WatchedLeg[];
  #plan: Plan | null = null;

  constructor(client: Client, runId: string) {
    this.#client = client;
    this.#legs = [{ workflowId: runId, revision: 0, steps: new Map(), part: null }];
  }

  /** Returns the ids of the workflows that carry the run, first leg first. */
  get workflowIds(): readonly string[] {
    return this.#legs.map((leg) => leg.workflowId);
  }

  /**
   * Asks for what changed since the last call.
   *
   * @returns what is new, or null while the run has not received its plan
   * @throws ServiceError when nobody answers within `withinMs`
   */
  async refresh(withinMs: number): Promise<Refreshed | null> {
    this.#plan ??= await askPlan(this.#client, this.#legs[0]!.workflowId, withinMs);
    if (this.#plan === null) return null;
    const changed: StepRecord[] = [];
    let isNews = false;
    for (let at = this.#firstToAsk(); at < this.#legs.length; at += 1) {
      const leg = this.#legs[at]!;
      const answer = await askChanges(this.#client, leg.workflowId, leg.revision, withinMs);
      const { head, origin, nextLeg } = answer;
      isNews ||= leg.part === null || answer.revision !== leg.revision;
      leg.revision = answer.revision;
      for (const step of answer.steps) leg.steps.set(step.id, step);
      leg.part = {
        format: 1,
        leg: legOf(leg.workflowId),
        head,
        origin,
        nextLeg,
        steps: [...leg.steps.values()],
      };
      changed.push(...answer.steps);
      if (nextLeg !== null && at === this.#legs.length - 1) {
        this.#legs.push({ workflowId: nextLeg, revision: 0, steps: new Map(), part: null });
      }
    }
    return { changed, isNews };
  }

  /** A leg that handed on says no more about steps; the one before the last is asked until it has told of its successor. */
  #firstToAsk(): number {
    const at = this.#legs.findIndex((leg) => leg.part === null || leg.part.nextLeg === null);
    return at < 0 ? this.#legs.length - 1 : at;
  }

  /** The run as it was at the last `refresh`, or null before the first that told something. */
  get record(): RunRecord | null {
    const parts = this.#legs.flatMap((leg) => leg.part ?? []);
    return this.#plan === null || parts.length === 0 ? null : mergeRecord(this.#plan, parts);
  }

  /** Asks the landings that run how they stand. One that does not answer is left out: it has just begun, or ended. */
  async landings(withinMs: number): Promise<ReadonlyMap<string, LiveAttempt>> {
    const launchedAt = new Map(
      this.#legs.flatMap(({ steps }) =>
        [...steps.values()].flatMap(({ id, state, launchedAt: at }) =>
          state === 'running' ? [[id as string, at] as const] : [],
        ),
      ),
    );
    const open = (this.#plan?.steps ?? []).filter(
      ({ id, work }) => work.kind === 'landing' && launchedAt.has(id),
    );
    const found = await Promise.all(
      open.map(async ({ id }) => {
        const workflow = this.#client.workflow.getHandle(landingId(this.#legs[0]!.workflowId, id));
        const landing = await this.#client
          .withDeadline(Date.now() + withinMs, () =>
            workflow.query<LandingCounts | null>(LANDING_COUNTS_QUERY),
          )
          .catch(() => null);
        return landing === null ? [] : [[id, standing(launchedAt.get(id) ?? null, landing)] as const];
      }),
    );
    return new Map(found.flat());
  }

  /** Describes the workflows of the run: running steps may still belong to an earlier leg. */
  async describe(withinMs: number): Promise<Described> {
    const all = await Promise.all(
      this.#legs.map((leg) => describeLeg(this.#client, leg.workflowId, withinMs)),
    );
    const live = new Map<string, LiveAttempt>();
    for (const one of all) for (const [step, attempt] of one.live) live.set(step, attempt);
    return { isOpen: all[0]!.isOpen, live, stuck: all.find((one) => one.stuck !== null)?.stuck ?? null };
  }
}
