/**
 * May this attempt at a workstream start, and with which tool? The breakers of its tools and the budgets decide.
 */
import { isCancellation } from '@temporalio/workflow';
import type { WorkstreamEnded } from '../activities/workstream/api.js';
import { dollars } from '../plan/budget.js';
import type { GoesOnFrom } from '../plan/places.js';
import type { Step } from '../plan/plan.js';
import type { Outcome } from '../plan/step-state.js';
import { DEFAULT_BREAKER_LIMITS, type ToolOutcome } from '../workstream/breaker.js';
import type { WorkstreamMeans } from '../workstream/means.js';
import type { Attempted, Passed } from './breakers.js';
import { CANCELED, failedBy } from './outcome.js';
import type { Surroundings } from './run-command-step.js';

export type Turn =
  | { readonly kind: 'start'; readonly tool: number }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'canceled' };

/** One attempt, by its number and by the index of its tool. */
interface Try {
  readonly number: number;
  readonly tool: number;
}

/**
 * Asks for a turn with the first tool that has one, from the one whose turn it is on; waits for the last of them. A quota
 * that is used up comes back only by a person's hand: that is not waited for.
 */
export async function mayStart(
  step: Step,
  means: WorkstreamMeans,
  from: GoesOnFrom,
  around: Surroundings,
): Promise<Turn> {
  const { shared } = around;
  const number = from.attempts.length + 1;
  let reason = '';
  for (let tool = from.tool; tool < means.tools.length; tool += 1) {
    const isLast = tool === means.tools.length - 1;
    const why = overBudget(step, means, from.spentUsd) ?? shared.whyNoMoreWork();
    if (why !== null) return { kind: 'refused', why };
    try {
      const attempted = attemptedWith(step, means, { number, tool }, around);
      const passed = await passWithPlace(attempted, step, isLast, from, around);
      // Others have spent while this one waited.
      const late = passed === 'start' ? shared.whyNoMoreWork() : null;
      if (late !== null) {
        void shared.breakers.ended(attempted, 'unknown');
        return { kind: 'refused', why: late };
      }
      if (passed === 'start') return { kind: 'start', tool };
    } catch (error) {
      if (isCancellation(error)) return { kind: 'canceled' };
      throw error;
    }
    const { name } = means.tools[tool]!;
    reason = `the quota of tool "${name}" is used up, and it is not started any more; when it is there again: planwright breaker reset ${name} --reason …`;
  }
  return { kind: 'refused', why: reason };
}

/** Asks a tool's breaker until it lets the attempt through and the step has a place: while it waits others have that. */
async function passWithPlace(
  attempted: Attempted,
  { id }: Step,
  isLast: boolean,
  from: GoesOnFrom,
  { shared: { breakers, places } }: Surroundings,
): Promise<Passed> {
  for (;;) {
    const passed = await breakers.pass(
      attempted,
      (news) => isLast && news.why !== 'quota',
      (wait) => places.waits(id, wait, from),
    );
    if (passed !== 'start' || places.take(id)) return passed;
    // It may be long until there is one: others can try the tool meanwhile.
    void breakers.ended(attempted, 'unknown');
    await places.had(id);
  }
}

function overBudget({ work }: Step, { budgetMode }: WorkstreamMeans, spent: number | null): string | null {
  const most = work.kind === 'workstream' ? work.maxCostUsd : null;
  if (budgetMode !== 'halt' || most === null || spent === null || spent < most) return null;
  return `its budget is used up: ${dollars(spent)} of ${dollars(most)} are spent`;
}

/** Returns the outcome of a step that has no turn: how it ended before, where it had one. */
export function withoutTurn(
  turn: Exclude<Turn, { kind: 'start' }>,
  { attempts, outputs }: GoesOnFrom,
): Outcome {
  if (turn.kind === 'canceled') return { ...CANCELED, attempts, outputs };
  return { ...failedBy({ reason: 'workstream-failed', message: turn.why }), attempts, outputs };
}

/** Tells the breaker how the tool did. */
export function toolUsed(
  step: Step,
  means: WorkstreamMeans,
  tried: Try,
  ended: WorkstreamEnded | Outcome,
  around: Surroundings,
): Promise<void> {
  const outcome = toolOutcome(ended);
  const told = around.shared.breakers.ended(attemptedWith(step, means, tried, around), outcome);
  return outcome === 'failed' || outcome === 'quota' ? told : Promise.resolve();
}

function attemptedWith(
  { id }: Step,
  { tools, breaker }: WorkstreamMeans,
  { number, tool }: Try,
  { runId }: Surroundings,
): Attempted {
  const limits = breaker ?? DEFAULT_BREAKER_LIMITS;
  return { run: runId, step: id, number, tool: tools[tool]!.name, limits };
}

/** Its last call says how the tool is; what is said of the work says nothing of it. */
function toolOutcome(ended: WorkstreamEnded | Outcome): ToolOutcome {
  if ('kind' in ended || ended.trouble?.reason === 'canceled') return 'unknown';
  const meaning = ended.calls.at(-1)?.meaning;
  if (meaning === undefined) return 'unknown';
  return meaning === 'refused' ? 'worked' : meaning;
}
