/**
 * What a step reads must be there when it starts: resources it consumes, outputs it names, steps its condition asks.
 */
import { openConditions } from '../condition.js';
import { meets, type Need } from '../graph.js';
import { quote, quoteAll } from '../quote.js';
import { MAX_OUTPUT_BYTES } from '../references.js';
import type { Finding, Findings } from './diagnostics.js';
import type { PlacedReference } from './fill-text.js';
import type { PlanPath } from './places.js';
import type { StepMap } from './step-map.js';
import type { VariableScope } from './variables.js';

/** Needs that are looked up in the graph all at once, each with what to say when it is not met. */
export class OpenNeeds {
  private readonly needs: (Need & { readonly unmet: () => Finding })[] = [];
  private readonly single = new Map<number, readonly number[]>();

  /** The need is met when the step depends on `above`. */
  add(step: number, above: number, unmet: () => Finding): void {
    let anyOf = this.single.get(above);
    if (anyOf === undefined) this.single.set(above, (anyOf = [above]));
    this.needs.push({ step, anyOf, unmet });
  }

  /** The need is met when the step depends on one of a group. */
  addAny(step: number, anyOf: readonly number[], unmet: () => Finding): void {
    this.needs.push({ step, anyOf, unmet });
  }

  /** @param map - without cycles */
  report(map: StepMap, findings: Findings): void {
    const answers = meets(map.graph, this.needs);
    this.needs.forEach((need, index) => {
      if (answers[index] !== true) findings.add(need.unmet());
    });
  }
}

/** Checks `provides` and `consumes`. */
export function checkResources(map: StepMap, needs: OpenNeeds, findings: Findings): void {
  const providers = providersOf(map, findings);
  for (const { index, subject, consumes } of map.steps) {
    for (const [at, name] of consumes.entries()) {
      const path = ['steps', index, 'consumes', at];
      const found = providers.get(name);
      if (found === undefined) {
        const message = `${subject} consumes ${quote(name)}, which no step provides`;
        const hint = findings.didYouMean(name, providers.keys());
        findings.add({ code: 'no-provider', path, message, hint });
        continue;
      }
      // A fallback runs because the step it stands in for failed: what that one provides is not there.
      needs.addAny(map.root[index]!, found, () => {
        const ids = found.slice(0, 10).map((provider) => map.steps[provider]!.id ?? '');
        return {
          code: 'no-provider',
          path,
          message: `${subject} consumes ${quote(name)} of ${quoteAll(ids, 'or')}, which it does not depend on`,
          hint: `add ${quote(ids[0]!)} to its depends_on`,
        };
      });
    }
  }
}

/** Returns who provides what. What a fallback makes is what the step it stands in for would have made. */
function providersOf(map: StepMap, findings: Findings): ReadonlyMap<string, readonly number[]> {
  const providers = new Map<string, number[]>();
  for (const { index, subject, provides } of map.steps) {
    const root = map.root[index]!;
    for (const [at, name] of provides.entries()) {
      const before = providers.get(name);
      if (before === undefined) {
        providers.set(name, [root]);
      } else if (before[0] !== root && before.at(-1) !== root) {
        const message = `${subject} provides ${quote(name)}, as ${map.steps[before[0]!]!.subject} does`;
        const path = ['steps', index, 'provides', at];
        findings.add({ code: 'duplicate-provider', severity: 'warning', path, message });
        before.push(root);
      }
    }
  }
  return providers;
}

/** Checks `${steps.….outputs.…}` in commands. */
export function checkReferences(
  references: readonly PlacedReference[],
  map: StepMap,
  needs: OpenNeeds,
  findings: Findings,
): void {
  for (const { stepIndex, step, output, path } of references) {
    checkRead({ reader: stepIndex, step, output, path, code: 'bad-reference' }, map, needs, findings);
  }
}

/**
 * Checks the conditions: what CEL says of them, and the names in them.
 *
 * @returns the names of variables they read
 */
export async function checkConditions(
  map: StepMap,
  scope: VariableScope,
  needs: OpenNeeds,
  findings: Findings,
): Promise<Set<string>> {
  const used = new Set<string>();
  const conditional = map.steps.filter((step) => step.condition !== null);
  if (conditional.length === 0) return used;
  const { examine } = await openConditions();
  const sizeOf = (name: string): number =>
    scope.late.has(name) ? MAX_OUTPUT_BYTES : (scope.values.get(name)?.length ?? 0);
  for (const { index, subject, condition } of conditional) {
    const path = ['steps', index, 'condition'];
    const add = (message: string, hint: string | null): void =>
      findings.add({ code: 'bad-condition', path, message: `${subject}: condition: ${message}`, hint });
    if (/\$\{/.test(condition!)) {
      add('"${…}" is not put into a condition', 'write vars.NAME');
      continue;
    }
    const { faults, reads } = examine(condition!, sizeOf);
    for (const { message, hint, at } of faults)
      add(at === null ? message : `${message} (at character ${at + 1})`, hint);
    for (const read of reads) {
      if (read.kind === 'variable') {
        used.add(read.name);
        const complaint = complaintOf(read.name, scope, findings);
        if (complaint !== null) add(complaint.message, complaint.hint);
      } else {
        checkRead(
          { reader: index, step: read.step, output: read.output, path, code: 'bad-condition' },
          map,
          needs,
          findings,
        );
      }
    }
  }
  return used;
}

function complaintOf(
  name: string,
  scope: VariableScope,
  findings: Findings,
): { message: string; hint: string | null } | null {
  if (scope.secrets.has(name)) {
    return {
      message: `${quote(name)} is a secret, and a condition cannot read one`,
      hint: 'let a command check it',
    };
  }
  if (scope.values.has(name) || scope.late.has(name)) return null;
  if (scope.declared?.has(name) === true) {
    return { message: `variable ${quote(name)} has no value`, hint: 'give it a "default"' };
  }
  const hint = findings.didYouMean(name, scope.values.keys());
  return { message: `unknown variable ${quote(name)}`, hint };
}

interface Read {
  readonly reader: number;
  readonly step: string;
  /** Null for a step's state or exit code. */
  readonly output: string | null;
  readonly path: PlanPath;
  readonly code: 'bad-reference' | 'bad-condition';
}

function checkRead(read: Read, map: StepMap, needs: OpenNeeds, findings: Findings): void {
  const { reader, step, output, path, code } = read;
  const { subject } = map.steps[reader]!;
  const add = (message: string, hint: string | null): void =>
    findings.add({ code, path, message: `${subject}: ${message}`, hint });
  const target = map.indexOf.get(step);
  if (target === undefined)
    return add(`there is no step ${quote(step)}`, findings.didYouMean(step, map.indexOf.keys()));
  if (target === reader) return add('it reads itself, and nothing is known of it before it ran', null);
  const primary = map.primary[target]!;
  const standsIn = primary >= 0 && map.root[reader] !== map.root[target];
  if (standsIn) {
    const primaryId = map.steps[primary]!.id ?? '';
    return add(`${quote(step)} stands in for ${quote(primaryId)}`, `read it as ${quote(primaryId)}`);
  }
  needs.add(reader, target, () => ({
    code,
    path,
    message: `${subject}: it reads ${quote(step)}, which it does not depend on`,
    hint: `add ${quote(step)} to its depends_on`,
  }));
  if (output !== null) checkOutput(read, target, output, map, findings);
}

function checkOutput(read: Read, target: number, output: string, map: StepMap, findings: Findings): void {
  const { subject } = map.steps[read.reader]!;
  const { outputs, subject: source } = map.steps[target]!;
  if (!outputs.has(output)) {
    const known = outputs.size === 0 ? 'it declares none' : `it declares ${quoteAll([...outputs], 'and')}`;
    findings.add({
      code: read.code,
      path: read.path,
      message: `${subject}: ${source} has no output ${quote(output)}`,
      hint: findings.didYouMean(output, outputs) ?? known,
    });
    return;
  }
  if (map.root[read.reader] === map.root[target]) {
    if (read.code !== 'bad-reference') return;
    const message = `${subject}: it runs because ${source} failed, and a failed step has no outputs`;
    findings.add({ code: read.code, path: read.path, message, hint: null });
    return;
  }
  // Whoever reads the step also reads what stood in for it.
  let standIn = map.standIn[target]!;
  for (let moves = 0; standIn >= 0 && moves < map.steps.length; moves += 1) {
    if (!map.steps[standIn]!.outputs.has(output)) {
      findings.add({
        code: 'bad-fallback',
        path: ['steps', standIn],
        message: `${map.steps[standIn]!.subject} stands in for ${source}, but has no output ${quote(output)}, which ${subject} reads`,
        hint: 'declare it in its "outputs" too',
      });
    }
    standIn = map.standIn[standIn]!;
  }
}
