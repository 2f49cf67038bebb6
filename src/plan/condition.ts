/**
 * Conditions: CEL expressions over the variables of a plan and what earlier steps came to. Checked when a plan is
 * loaded, evaluated in the workflow.
 */
import type { Environment, ParseResult } from '@marcbachmann/cel-js';
import { costOf, MAX_COST } from './condition-cost.js';
import { examineTree, type ConditionFault, type ConditionRead } from './condition-rules.js';
import type { Json } from './plan.js';
import { harmless, quote } from './quote.js';
import type { ConditionStep, Judge } from './run.js';

/** Characters of a condition. */
const MAX_CONDITION = 2_000;
/** How deep a value may be that a condition reads. */
const MAX_VALUE_DEPTH = 32;

/** What a look at a condition finds, without a run. */
export interface Examined {
  readonly faults: readonly ConditionFault[];
  readonly reads: readonly ConditionRead[];
}

export interface Conditions {
  /**
   * Checks syntax, types, what is allowed and what it can cost. Whether the names exist is for the caller to say.
   *
   * @param sizeOfVariable - how many characters the value of a variable has
   */
  readonly examine: (condition: string, sizeOfVariable: (name: string) => number) => Examined;
  /** Answers a condition. Never throws: what goes wrong is an answer too. */
  readonly evaluate: Judge;
}

/**
 * Makes conditions ready to be used.
 *
 * The CEL library costs 3 ms to take in and half a megabyte to keep. A run without conditions pays for neither: nothing
 * is imported before this is called.
 */
export async function openConditions(): Promise<Conditions> {
  // "eager": in the workflow's bundle there is one file and nothing to fetch it from; the module waits inside.
  const cel = await import(/* webpackMode: "eager" */ '@marcbachmann/cel-js');
  const environment = new cel.Environment({
    limits: {
      maxAstNodes: 2_000,
      maxDepth: 50,
      maxListElements: 100,
      maxMapEntries: 100,
      maxCallArguments: 3,
    },
  })
    .registerType('Step', {
      ctor: StepView,
      fields: { state: 'string', exit_code: 'dyn', outputs: 'map<string, dyn>' },
    })
    .registerVariable('vars', 'map<string, string>')
    .registerVariable('steps', 'map<string, Step>');
  return {
    examine: (condition, sizeOfVariable) => examine(environment, condition, sizeOfVariable),
    evaluate: (condition, scope) => {
      try {
        const parsed = parse(environment, condition);
        const { faults, reads } = examineTree(parsed.ast);
        if (faults[0] !== undefined) return failed(condition, faults[0].message);
        const vars = new Map<string, string>();
        const steps = new Map<string, StepView>();
        for (const read of reads) {
          if (read.kind === 'variable') {
            if (Object.hasOwn(scope.vars, read.name)) vars.set(read.name, scope.vars[read.name]!);
          } else {
            const step = scope.step(read.step);
            if (step !== null) steps.set(read.step, new StepView(step));
          }
        }
        const answer: unknown = parsed({ vars, steps });
        if (typeof answer === 'boolean') return { kind: answer ? 'true' : 'false' };
        return failed(
          condition,
          `it comes to ${typeof answer === 'string' ? quote(answer) : String(answer)}, not to true or false`,
        );
      } catch (error) {
        return failed(condition, reasonOf(error));
      }
    },
  };
}

const failed = (condition: string, reason: string) =>
  ({ kind: 'error', message: `the condition ${quote(condition)} has no answer: ${reason}` }) as const;

/** What the expression sees of a step. A class, because the library knows types by their constructors. */
class StepView {
  readonly state: string;
  readonly exit_code: bigint | null;
  readonly outputs: ReadonlyMap<string, unknown>;

  constructor(step: ConditionStep) {
    this.state = step.state;
    this.exit_code = step.exitCode === null ? null : BigInt(step.exitCode);
    this.outputs = new Map(Object.entries(step.outputs).map(([name, value]) => [name, celValue(value, 0)]));
  }
}

/** Integers become CEL's integers, so that `steps.a.outputs.count == 3` is true for the JSON number 3; objects become maps, which have no inherited keys. */
function celValue(value: Json, depth: number): unknown {
  if (depth > MAX_VALUE_DEPTH) throw new RangeError(`an output is more than ${MAX_VALUE_DEPTH} levels deep`);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((member: Json) => celValue(member, depth + 1));
  return new Map(Object.entries(value).map(([key, member]) => [key, celValue(member, depth + 1)]));
}

function examine(
  environment: Environment,
  condition: string,
  sizeOfVariable: (name: string) => number,
): Examined {
  try {
    const parsed = parse(environment, condition);
    const { faults, reads } = examineTree(parsed.ast);
    if (faults.length > 0) return { faults, reads };
    const checked = parsed.check();
    const fault = (message: string, at: number | null = null): Examined => ({
      faults: [{ message, hint: null, at }],
      reads,
    });
    if (!checked.valid) return fault(reasonOf(checked.error), checked.error?.range?.start ?? null);
    // What a command printed has no type before it ran: that is looked at when the answer is there.
    if (checked.type !== 'bool' && checked.type !== 'dyn')
      return fault(`it comes to a value of type ${checked.type}, not to true or false`);
    const cost = costOf(parsed.ast, sizeOfVariable);
    if (cost > MAX_COST) return fault(`it may take ${Math.round(cost)} comparisons; ${MAX_COST} are allowed`);
    return { faults, reads };
  } catch (error) {
    const at = (error as { range?: { start?: number } }).range?.start ?? null;
    return { faults: [{ message: reasonOf(error), hint: null, at }], reads: [] };
  }
}

function parse(environment: Environment, condition: string): ParseResult {
  if (condition.length > MAX_CONDITION) {
    throw new RangeError(`it has ${condition.length} characters; ${MAX_CONDITION} are allowed`);
  }
  return environment.parse(condition);
}

/** The library's own words, in one line and without its drawing of the place. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('summary' in error && typeof error.summary === 'string') return lowerFirst(harmless(error.summary));
  return error instanceof Error ? lowerFirst(harmless(error.message)) : 'unknown error';
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
