/**
 * A further try of a job and the breaker of its tool. The try asks before it starts and waits without a process: it is started
 * again a little later, and asks once more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { toolOutcomeOf, quotaText, type ToolGuard } from '../../job/guarded-tool.js';
import type { Attempt } from '../../plan/attempt.js';
import { TOOL_WAIT_WORDS } from '../../plan/tool-wait.js';
import {
  ASK_BREAKER_SIGNAL,
  BREAKER_QUERY,
  breakerId,
  TOOL_ENDED_SIGNAL,
  type BreakerAsker,
  type BreakerQuestion,
  type BreakerView,
  type ToolEnded,
} from '../../workflows/breaker-api.js';
import type { CommandTask } from '../api.js';

/** So often a try looks whether its tool is back: somebody may bring it back by hand at any time. */
const LOOK_AGAIN_MS = 10_000;
/** A breaker that may let a try through says so at once. */
const ANSWERS = 10;
const BETWEEN_MS = 100;

export type GateAnswer =
  | 'start'
  | { readonly why: string; readonly againInMs: number }
  /** Only a person can bring the tool back. */
  | { readonly refused: string };

/** Returns the gate before a further try; null for a job whose tool has none. */
export function toolGate({ step, work }: CommandTask, number: number): ToolGate | null {
  const guard = work.job?.guard as unknown as ToolGuard | undefined;
  return guard === undefined ? null : new ToolGate(guard, step, number);
}

export class ToolGate {
  readonly #guard: ToolGuard;
  readonly #asker: BreakerAsker;
  /** It was let through to find out whether the tool works again: its end says so. */
  #isProbe = false;

  constructor(guard: ToolGuard, step: string, number: number) {
    const { workflowId: workflow, runId: execution } = Context.current().info.workflowExecution!;
    this.#guard = guard;
    this.#asker = { attempt: `${workflow}/${step}/${number}`, run: workflow, step, workflow, execution };
  }

  /** Asks whether the try may start. A breaker that is not there is one of a tool that works. */
  async pass(): Promise<GateAnswer> {
    const { tool, limits } = this.#guard;
    const question: BreakerQuestion = { asker: this.#asker, limits };
    let view = await this.#look();
    for (let looks = 0; view !== null && view.breaker.kind !== 'closed'; looks += 1) {
      const { breaker, waiting } = view;
      if (breaker.kind === 'half-open' && breaker.probe === this.#asker.attempt) {
        this.#isProbe = true;
        return 'start';
      }
      if (breaker.kind === 'open' && breaker.why === 'quota') {
        await this.#tell('unknown'); // it asks no more
        return { refused: quotaText(tool.name) };
      }
      if (looks === 0) {
        if (!waiting.some(({ attempt }) => attempt === this.#asker.attempt))
          await this.#signal(ASK_BREAKER_SIGNAL, question);
      } else if (looks > ANSWERS || !mayPassNow(view)) {
        const why = breaker.kind === 'open' ? breaker.why : 'probe';
        return { why: `waits for tool "${tool.name}": ${TOOL_WAIT_WORDS[why]}`, againInMs: LOOK_AGAIN_MS };
      } else await sleep(BETWEEN_MS);
      view = await this.#look();
    }
    return 'start';
  }

  /** Tells what a try came to that was let through to find out. Of others the job's last one counts. */
  async used({ end }: Attempt): Promise<void> {
    if (!this.#isProbe) return;
    const failure = end.kind === 'failed' ? end.failure : null;
    await this.#tell(end.kind === 'canceled' ? 'unknown' : toolOutcomeOf(this.#guard.tool, failure));
  }

  #tell(outcome: ToolEnded['outcome']): Promise<boolean> {
    return this.#signal(TOOL_ENDED_SIGNAL, { asker: this.#asker, outcome } satisfies ToolEnded);
  }

  /** False when there is no such breaker. */
  async #signal(name: string, argument: BreakerQuestion | ToolEnded): Promise<boolean> {
    try {
      await this.#breaker.signal<[BreakerQuestion | ToolEnded]>(name, argument);
      return true;
    } catch (error) {
      return ended(error, false);
    }
  }

  async #look(): Promise<BreakerView | null> {
    try {
      // A workflow that has ended still answers.
      if ((await this.#breaker.describe()).status.name !== 'RUNNING') return null;
      return await this.#breaker.query<BreakerView>(BREAKER_QUERY);
    } catch (error) {
      return ended(error, null);
    }
  }

  get #breaker() {
    return Context.current().client.workflow.getHandle(breakerId(this.#guard.tool.name));
  }
}

/** Its time has come, and who tries it first is being decided. */
const mayPassNow = ({ breaker }: BreakerView): boolean =>
  breaker.kind === 'open' && breaker.until !== null && breaker.until <= Date.now() + BETWEEN_MS;

function ended<T>(error: unknown, otherwise: T): T {
  if (error instanceof Error && error.name === 'WorkflowNotFoundError') return otherwise;
  throw error;
}
