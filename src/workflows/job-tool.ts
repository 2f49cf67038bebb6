/**
 * The breaker of a job's tool, as the job meets it: it asks before it uses the tool, and tells how the tool did.
 */
import { defineSignal, patched, setHandler } from '@temporalio/workflow';
import { JOB_STEP } from '../job/compile.js';
import { guardedTool, quotaText, toolOutcomeOf } from '../job/guarded-tool.js';
import type { StepFailure } from '../plan/attempt.js';
import { TOOL_WAIT_WORDS, type ToolWait } from '../plan/tool-wait.js';
import { DEFAULT_BREAKER_LIMITS } from '../workstream/breaker.js';
import type { Tool } from '../workstream/tool/registry.js';
import { BREAKER_SIGNAL, type BreakerNews } from './breaker-api.js';
import { Breakers, type Attempted } from './breakers.js';
import { jobWorkflowId, type JobInput } from './job-api.js';

/** `waited`: it may be used again now, and others may be quicker. `refused`: only a person can bring it back. */
export type ToolTurn =
  { readonly kind: 'start' | 'waited' } | { readonly kind: 'refused'; readonly why: string };

export class JobTool {
  readonly #tool: Tool | null;
  readonly #input: JobInput;
  readonly #breakers = new Breakers();

  constructor(input: JobInput) {
    this.#input = input;
    this.#tool = guardedTool(input.job, input.tools);
    setHandler(defineSignal<[BreakerNews]>(BREAKER_SIGNAL), (news) => this.#breakers.told(news));
  }

  /**
   * Asks whether the tool may be used, and waits for it. A quota that is used up is not waited for.
   *
   * @param waits - is told why it waits, once
   * @throws CancelledFailure when the scope it is called in is canceled
   */
  async pass(run: number, waits: (why: string) => void): Promise<ToolTurn> {
    if (this.#tool === null || !patched('job-breakers')) return { kind: 'start' };
    let hasWaited = false;
    const attempted = this.#attempted(this.#tool, run);
    const passed = await this.#breakers.pass(
      attempted,
      ({ why }) => why !== 'quota',
      (wait) => {
        if (wait === null || hasWaited) return;
        hasWaited = true;
        waits(textOf(wait));
      },
    );
    if (passed !== 'start') return { kind: 'refused', why: quotaText(this.#tool.name) };
    if (!hasWaited) return { kind: 'start' };
    // It has no place in the queue now: who has one may be quicker.
    await this.#breakers.ended(attempted, 'unknown');
    return { kind: 'waited' };
  }

  /** Tells the breaker what the tool came to. */
  async used(run: number, how: 'unknown' | { readonly failure: StepFailure | null }): Promise<void> {
    if (this.#tool === null || !patched('job-breakers')) return;
    const outcome = how === 'unknown' ? how : toolOutcomeOf(this.#tool, how.failure);
    await this.#breakers.ended(this.#attempted(this.#tool, run), outcome);
  }

  #attempted({ name: tool }: Tool, number: number): Attempted {
    const { queue, job, breaker = DEFAULT_BREAKER_LIMITS } = this.#input;
    return { run: jobWorkflowId(queue, job.id), step: JOB_STEP, number, tool, limits: breaker };
  }
}

const textOf = ({ tool, why, until }: ToolWait): string =>
  `waits for tool "${tool}": ${TOOL_WAIT_WORDS[why]}${until === null ? '' : `, tried again at ${new Date(until).toISOString()}`}`;
