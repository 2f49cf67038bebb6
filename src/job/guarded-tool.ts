/**
 * What a job has to do with the breaker of its tool.
 */
import type { StepFailure } from '../plan/attempt.js';
import { DEFAULT_BREAKER_LIMITS, type BreakerLimits, type ToolOutcome } from '../workstream/breaker.js';
import { meaningOf, type ToolEnd } from '../workstream/tool/outcome.js';
import type { Tool } from '../workstream/tool/registry.js';
import type { Job } from './job.js';
import type { JobAsk } from './job-table.js';

/** Returns the tool whose breaker a job heeds. Of one that takes no prompt, tests for instance, a failure says nothing: null. */
export function guardedTool(
  { tool: name }: Pick<Job, 'tool'>,
  tools: Readonly<Record<string, Tool>>,
): Tool | null {
  const tool = Object.hasOwn(tools, name) ? tools[name]! : null;
  return tool === null || tool.prompt === 'none' ? null : tool;
}

/** The same, as a job names it to its queue. */
export function askedTool(input: {
  readonly job: Pick<Job, 'tool'>;
  readonly tools: Readonly<Record<string, Tool>>;
}): Pick<JobAsk, 'tool'> {
  const tool = guardedTool(input.job, input.tools);
  return tool === null ? {} : { tool: tool.name };
}

/** What a further try of a job needs to know of its tool, to ask its breaker. */
export interface ToolGuard {
  readonly tool: Tool;
  readonly limits: BreakerLimits;
}

/** Of a job whose tool needs no asking: none. */
export function guardOf(input: {
  readonly job: Pick<Job, 'tool'>;
  readonly tools: Readonly<Record<string, Tool>>;
  readonly breaker?: BreakerLimits;
}): ToolGuard | null {
  const tool = guardedTool(input.job, input.tools);
  return tool === null ? null : { tool, limits: input.breaker ?? DEFAULT_BREAKER_LIMITS };
}

/** Why a job does not go on when its tool's quota is used up: known again by whoever can hand the job to another tool. */
export const quotaText = (tool: string): string =>
  `the quota of tool "${tool}" is used up, and it is not started any more; when it is there again: planwright breaker reset ${tool} --reason …`;

/** What the last try of a job says of its tool; null is a job that completed. */
export function toolOutcomeOf(tool: Tool, failure: StepFailure | null): ToolOutcome {
  if (failure === null) return 'worked';
  const end = endOf(failure);
  if (end === null) return 'unknown';
  const meaning = meaningOf(tool, end, 'tail' in failure ? failure.tail : '');
  return meaning === 'refused' ? 'worked' : meaning;
}

function endOf(failure: StepFailure): ToolEnd | null {
  switch (failure.reason) {
    case 'exit-code':
      return { kind: 'exited', code: failure.exitCode };
    case 'signal':
      return { kind: 'killed', by: 'signal' };
    case 'timed-out':
      return { kind: 'killed', by: 'timeout' };
    case 'not-started':
      return { kind: 'not-started', message: failure.message };
    default:
      return null;
  }
}
