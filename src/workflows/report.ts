/**
 * What a run tells the run above it of its steps: a leg knows of those that ended in it, and the next of the rest.
 */
import { conditionStep } from '../plan/schedule.js';
import { isOver } from '../plan/step-state.js';
import type { Report, RunEnd } from './api.js';
import type { Leg } from './leg.js';

/** Of all outputs together, as JSON: the report is one message. */
const MAX_OUTPUT_CHARS = 300_000;

/** Returns how a leg ended, with what was wanted of its steps and of those of the legs behind it. */
export function endOf(leg: Leg, head: RunEnd['head']): RunEnd {
  const wanted = leg.around.report;
  if (wanted === undefined || leg.run === null) return { head };
  const { run, handedOn } = leg;
  const ended = run.states.flatMap((state, index) => {
    const { id } = run.plan.steps[index]!;
    const isWanted = isOver(state) && !handedOn.has(index) && (wanted === 'all' || wanted.includes(id));
    return isWanted ? [[id, conditionStep(run, id)!] as const] : [];
  });
  return { head, report: fitting({ ...Object.fromEntries(ended), ...leg.later }) };
}

/** Outputs that are too many to tell are left out, all of them: a part would pass for the whole. */
function fitting(report: Report): Report {
  let chars = 0;
  for (const { outputs } of Object.values(report)) chars += JSON.stringify(outputs).length;
  if (chars <= MAX_OUTPUT_CHARS) return report;
  const without = Object.entries(report).map(([id, step]) => [id, { ...step, outputs: {} }]);
  return Object.fromEntries(without) as Report;
}
