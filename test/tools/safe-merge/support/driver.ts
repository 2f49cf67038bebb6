/**
 * Runs the commands of plans/safe_merge.json in order, as the engine would: far less than it, but the same commands with
 * the same arguments and environment.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { read } from '../../../checkout.js';
import { runInProcess, type Ran, type Runner } from './program.js';

interface PlanStep {
  readonly id: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly uses?: 'approval';
  readonly condition?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly critical: boolean;
  readonly on_failure: 'abort' | 'continue';
  readonly retry?: { readonly max_attempts: number; readonly non_retryable_exit_codes: readonly number[] };
  readonly outputs?: Readonly<Record<string, string>>;
}

export interface StepOutcome extends Ran {
  readonly state: 'succeeded' | 'failed' | 'tolerated';
  readonly attempts: number;
}

export interface RunOutcome {
  readonly state: 'succeeded' | 'failed';
  readonly runId: string;
  /** By step id; a step after an abort is missing. */
  readonly steps: Readonly<Record<string, StepOutcome>>;
  /** Everything that was said on stderr. */
  readonly said: string;
}

export interface Drive {
  readonly root: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly run?: Runner;
  /** Called before each step. */
  readonly before?: (step: string) => void;
  /** What the person answers who is asked. */
  readonly decision?: string;
  /** Stop before this step. */
  readonly until?: string;
}

let serial = 0;

/** The plan as it is shipped. */
export const safeMergePlan = (): {
  globals: { env: Record<string, string> };
  variables: Record<string, { default: string }>;
  steps: PlanStep[];
} => JSON.parse(read('plans/safe_merge.json')) as ReturnType<typeof safeMergePlan>;

/** Plays the plan to its end. */
export async function drive({
  root,
  variables = {},
  run = runInProcess,
  before,
  decision = '',
  until,
}: Drive): Promise<RunOutcome> {
  const plan = safeMergePlan();
  serial += 1;
  const runId = `safe-merge-01HZ${String(serial).padStart(6, '0')}`;
  const values = new Map(
    Object.entries(plan.variables).map(([name, { default: value }]) => [name, variables[name] ?? value]),
  );
  const scratch = mkdtempSync(join(tmpdir(), 'planwright-drive-'));
  const steps: Record<string, StepOutcome> = {};
  let state: RunOutcome['state'] = 'succeeded';
  try {
    for (const step of plan.steps) {
      if (step.id === until) break;
      if (step.condition !== undefined && !holds(step.condition, values)) continue;
      before?.(step.id);
      if (step.uses === 'approval') {
        values.set(`steps.${step.id}.outputs.choice`, decision);
        continue;
      }
      const output = join(scratch, `${step.id}.json`);
      const args = step.args.map((arg) => fill(arg, values));
      const given = Object.entries({ ...plan.globals.env, ...step.env });
      const env = {
        ...Object.fromEntries(given.map(([name, text]) => [name, fill(text, values)])),
        PLANWRIGHT_RUN_ID: runId,
        PLANWRIGHT_STEP_ID: step.id,
        PLANWRIGHT_ATTEMPT: '1',
        PLANWRIGHT_OUTPUT: output,
      };
      const { ran, attempts } = await tried(step, () => run(step.command, args, root, env));
      const failed = ran.code !== 0;
      steps[step.id] = {
        ...ran,
        attempts,
        state: failed ? (step.on_failure === 'continue' ? 'tolerated' : 'failed') : 'succeeded',
      };
      if (!failed) takeOutputs(step, output, values);
      if (failed && step.on_failure === 'abort') {
        state = 'failed';
        break;
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return {
    state,
    runId,
    steps,
    said: Object.values(steps)
      .map((step) => step.stderr)
      .join(''),
  };
}

/** The one condition of the plan: `steps.<id>.outputs.<name> > 0`. */
function holds(condition: string, values: ReadonlyMap<string, string>): boolean {
  const [, name = ''] = /^(steps\.[a-z_]+\.outputs\.[a-z_]+) > 0$/.exec(condition) ?? [];
  const value = values.get(name);
  if (value === undefined)
    throw new Error(`the plan has the condition ${condition}, which is not known here`);
  return Number(value) > 0;
}

async function tried(step: PlanStep, once: () => Promise<Ran>): Promise<{ ran: Ran; attempts: number }> {
  for (let attempts = 1; ; attempts += 1) {
    const ran = await once();
    const more = attempts < (step.retry?.max_attempts ?? 1);
    const final = step.retry?.non_retryable_exit_codes.includes(ran.code) ?? false;
    if (ran.code === 0 || !more || final) return { ran, attempts };
  }
}

function takeOutputs(step: PlanStep, file: string, values: Map<string, string>): void {
  if (step.outputs === undefined) return;
  const result = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  for (const [name, pointer] of Object.entries(step.outputs)) {
    const value = result[pointer.slice(1)];
    if (value === undefined) throw new Error(`${step.id} has no output "${name}"`);
    values.set(`steps.${step.id}.outputs.${name}`, typeof value === 'string' ? value : JSON.stringify(value));
  }
}

function fill(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{([^}]+)\}/g, (_, name: string) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`the plan uses \${${name}}, which has no value`);
    return value;
  });
}
