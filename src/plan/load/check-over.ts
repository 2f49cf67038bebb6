/**
 * Checks an expression that is asked about another plan's run: `until` of a repeated sub-plan.
 */
import { openConditions } from '../condition.js';
import type { Plan, Step } from '../plan.js';
import { quote, quoteAll } from '../quote.js';
import { MAX_OUTPUT_BYTES } from '../references.js';
import type { Findings } from './diagnostics.js';
import type { PlanPath } from './places.js';
import { stepTypeOf } from './step-types/registry.js';

/** Reports what is wrong with an expression over the variables and steps of `plan`. */
export async function checkOver(
  plan: Plan,
  expression: string,
  path: PlanPath,
  findings: Findings,
): Promise<void> {
  const add = (message: string, hint: string | null): void =>
    findings.add({ code: 'bad-condition', path, message: `"until": ${message}`, hint });
  if (expression.includes('${')) return add('"${…}" is not put into an expression', 'write vars.NAME');
  const { late = {}, variables } = plan;
  const sizeOf = (name: string): number =>
    Object.hasOwn(late, name) ? MAX_OUTPUT_BYTES : (variables[name]?.length ?? 0);
  const { faults, reads } = (await openConditions()).examine(expression, sizeOf);
  for (const { message, hint, at } of faults)
    add(at === null ? message : `${message} (at character ${at + 1})`, hint);
  const names = [...Object.keys(variables), ...Object.keys(late)];
  const steps = new Map<string, Step>(plan.steps.map((step) => [step.id, step]));
  for (const read of reads) {
    if (read.kind === 'variable') {
      if (names.includes(read.name)) continue;
      const isSecret = plan.secrets.includes(read.name);
      const what = isSecret ? 'is a secret of the sub-plan' : 'is no variable of the sub-plan with a value';
      add(`${quote(read.name)} ${what}`, isSecret ? null : findings.didYouMean(read.name, names));
      continue;
    }
    const step = steps.get(read.step);
    if (step === undefined) {
      add(`the sub-plan has no step ${quote(read.step)}`, findings.didYouMean(read.step, steps.keys()));
      continue;
    }
    const outputs = outputNames(step);
    if (read.output === null || outputs.includes(read.output)) continue;
    const known = outputs.length === 0 ? 'it declares none' : `it declares ${quoteAll(outputs, 'and')}`;
    const hint = findings.didYouMean(read.output, outputs) ?? known;
    add(`step ${quote(read.step)} of the sub-plan has no output ${quote(read.output)}`, hint);
  }
}

function outputNames({ work, outputs }: Step): readonly string[] {
  const own = stepTypeOf(work.kind)?.ownOutputs({ ...work, with: work }) ?? [];
  return [...Object.keys(outputs), ...own];
}
