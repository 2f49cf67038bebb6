/**
 * The breakers of tools, as a run meets them: an attempt asks before it starts, and tells how it ended.
 *
 * A breaker whose workflow is not there is closed: a tool that works costs one message that finds nobody.
 */
import {
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { ToolWait } from '../plan/tool-wait.js';
import { CLOSED, type BreakerLimits, type ToolOutcome } from '../workstream/breaker.js';
import {
  ASK_BREAKER_SIGNAL,
  BREAKER_WORKFLOW,
  breakerId,
  TOOL_ENDED_SIGNAL,
  type BreakerAsker,
  type BreakerInput,
  type BreakerNews,
  type BreakerQuestion,
  type ToolEnded,
} from './breaker-api.js';

/** The breaker's workflow may have been ended by hand: who waits asks again. */
const ASK_AGAIN_MS = 600_000;
/** A breaker that is started and one that ends may cross so often. */
const CROSSINGS = 20;

/** One attempt that is about to be made. */
export interface Attempted {
  readonly run: string;
  readonly step: string;
  readonly number: number;
  readonly tool: string;
  readonly limits: BreakerLimits;
}

export type Passed = 'start' | Extract<BreakerNews, { may: 'wait' }>;

export class Breakers {
  /** Steps that the next leg asks for, under the same name: a word from here would end that. */
  readonly handedOn = new Set<string>();
  /** What was heard last, by attempt and tool. */
  readonly #heard = new Map<string, BreakerNews>();

  told(news: BreakerNews): void {
    this.#heard.set(keyOf(news.tool, news.attempt), news);
  }

  /**
   * Asks whether an attempt may start, and waits for it as long as `isWorthIt`; else the answer is why not.
   *
   * @param waits - is told while it waits, and with null when that is over
   * @throws CancelledFailure when the scope it is called in is canceled
   */
  async pass(
    attempted: Attempted,
    isWorthIt: (news: Extract<BreakerNews, { may: 'wait' }>) => boolean,
    waits: (wait: ToolWait | null) => void,
  ): Promise<Passed> {
    const asker = askerOf(attempted);
    const { tool, limits } = attempted;
    const key = keyOf(tool, asker.attempt);
    const question: BreakerQuestion = { asker, limits };
    const since = Date.now();
    let hasWaited = false;
    try {
      for (;;) {
        this.#heard.delete(key);
        const isThere = await getExternalWorkflowHandle(breakerId(tool))
          .signal<[BreakerQuestion]>(ASK_BREAKER_SIGNAL, question)
          .then(
            () => true,
            () => false,
          );
        if (!isThere) return 'start';
        for (let seen: BreakerNews | undefined; ;) {
          const isNew = await condition(() => this.#heard.get(key) !== seen, ASK_AGAIN_MS);
          if (!isNew) break;
          seen = this.#heard.get(key)!;
          if (seen.may === 'start') return 'start';
          if (!isWorthIt(seen)) {
            void this.ended(attempted, 'unknown'); // it asks no more
            return seen;
          }
          hasWaited = true;
          waits({ tool, since, until: seen.until, why: seen.why, endedAt: null });
        }
      }
    } catch (error) {
      if (!this.handedOn.has(attempted.step)) void this.ended(attempted, 'unknown');
      throw error;
    } finally {
      this.#heard.delete(key);
      if (hasWaited) waits(null);
    }
  }

  /**
   * Tells a breaker how an attempt ended. A failure starts the breaker's workflow; all else only matters to one that is there.
   *
   * @returns resolves when it knows; a run must not end before it has told of a failure
   */
  ended(attempted: Attempted, outcome: ToolOutcome): Promise<void> {
    const ended: ToolEnded = { asker: askerOf(attempted), outcome };
    const isFailure = outcome === 'failed' || outcome === 'quota';
    return CancellationScope.nonCancellable(async () => {
      for (let tries = 0; tries < CROSSINGS; tries += 1) {
        const isThere = await getExternalWorkflowHandle(breakerId(attempted.tool))
          .signal<[ToolEnded]>(TOOL_ENDED_SIGNAL, ended)
          .then(
            () => true,
            () => false,
          );
        if (isThere || !isFailure || (await start(attempted, ended))) return;
      }
    });
  }
}

const keyOf = (tool: string, attempt: string): string => JSON.stringify([tool, attempt]);

/** The answer comes to the workflow that has the attempt, whichever leg of the run that is. */
function askerOf({ run, step, number }: Attempted): BreakerAsker {
  const { workflowId: workflow, runId: execution } = workflowInfo();
  return { attempt: `${run}/${step}/${number}`, run, step, workflow, execution };
}

/** Starts the workflow of a breaker; false when it is there already. */
async function start({ tool, limits }: Attempted, ended: ToolEnded): Promise<boolean> {
  const input: BreakerInput = {
    ...{ tool, limits, breaker: CLOSED, changes: [], waiting: [], probe: null, ended, moved: null },
  };
  try {
    const keeper = await startChild(BREAKER_WORKFLOW, {
      workflowId: breakerId(tool),
      args: [input],
      // It is there for all who use the tool, not for the first who had trouble with it.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: `breaker of ${tool}`.slice(0, 200),
    });
    keeper.result().catch(() => undefined);
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
