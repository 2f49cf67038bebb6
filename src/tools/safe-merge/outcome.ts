/**
 * What is written and said of how a tool ended: its report, an event, words for a person.
 */
import type { Repository } from '../git/repository.js';
import { eventOf, type Invoker, type MergeEvent } from './events.js';
import type { Report, Stop } from './reasons.js';
import type { RunKey } from './state.js';
import { shownSource, type Target } from './target.js';
import type { Tool } from './tool.js';

/** What an outcome needs of the process. */
interface Moment {
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => number;
}

/** Where the outcome is to be written, as far as it is known yet. */
export interface Place {
  repository: Repository | null;
  run: RunKey | null;
  target: Target | null;
  /** Milliseconds since 1970. */
  readonly began: number;
}

/** Returns the report with what all reports have. */
export function fullReport(
  tool: Tool,
  world: Moment,
  place: Place,
  stop: Stop | null,
  found: Report,
): Report {
  const problems = stop?.problems ?? [];
  return {
    pattern_id: tool.patternId,
    timestamp: new Date(world.now()).toISOString(),
    seconds: (world.now() - place.began) / 1000,
    tool: tool.name,
    run: place.run,
    branch: place.target?.branch ?? null,
    source: place.target === null ? null : shownSource(place.target),
    remote: place.target?.remote ?? null,
    status: stop === null ? 'ok' : stop.exitCode === 2 ? 'blocked' : 'failed',
    reason_code: stop?.reasonCode ?? null,
    cause: problems[0]?.code ?? null,
    message: problems.length === 0 ? null : problems.map((problem) => problem.message).join('\n'),
    hint: problems.length === 0 ? null : problems.map((problem) => problem.hint).join('\n'),
    problems,
    ...found,
  };
}

/** Returns the event for the end of a phase, or for what ends the run. */
export function phaseEvent(
  tool: Tool,
  world: Moment,
  place: Place,
  stop: Stop | null,
  report: Report,
): MergeEvent {
  const status = stop === null ? 'success' : stop.exitCode === 2 ? 'blocked' : 'failed';
  const { seconds, lock } = report;
  return eventOf(
    {
      run: place.run ?? '',
      branch: place.target?.branch ?? '',
      phase_id: tool.phase,
      phase_name: tool.phaseName,
      step: tool.name,
      status,
      reason_code: stop?.reasonCode ?? '',
      details: {
        ...(stop === null ? {} : { causes: stop.problems.map((problem) => problem.code) }),
        seconds,
        ...(lock === undefined ? {} : { lock }),
        ...leaseWait(world.env),
      },
      invoker: invokerOf(world.env),
    },
    world.now(),
  );
}

/** How long the run waited for its lease, when it runs under one. */
export function leaseWait(env: NodeJS.ProcessEnv): { lease?: { waited_ms: number } } {
  const waited = env['PLANWRIGHT_LEASE_WAITED_MS'] ?? '';
  return /^\d{1,12}$/.test(waited) ? { lease: { waited_ms: Number(waited) } } : {};
}

/** Who started it, as far as the environment tells. */
export const invokerOf = (env: NodeJS.ProcessEnv): Invoker => (env['CI'] ? 'ci' : 'human');

const MAX_SHOWN = 20;

/**
 * What a person reads: what is wrong, why it stops the merge, how to leave it. The main point comes last: it is the end
 * of a step's output that is shown with a failed run.
 */
export function message(tool: Tool, { reasonCode, problems }: Stop): string {
  const [main, ...others] = problems;
  const shown = others.slice(0, MAX_SHOWN);
  const more = others.length - shown.length;
  const lines = [`${tool.name}: stopped: ${reasonCode}`];
  if (more > 0) lines.push(`  ${more} more are in the report; the first ${MAX_SHOWN}:`);
  for (const { code, message: text, hint } of [...shown, main]) {
    lines.push(`  ${code}: ${text.replaceAll('\n', '\n    ')}`, `    → ${hint}`);
  }
  return lines.join('\n');
}
