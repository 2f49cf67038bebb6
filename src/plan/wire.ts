/**
 * A plan on its way to the workflow: the shortest text that is still JSON, the same text for the same plan.
 *
 * Steps of one plan are much alike, so each field that has one value in most steps is said once, and a step says only
 * where it differs. Dependencies are numbers.
 */
import type { Json, Plan, Step, StepId, SubPlanWork, Work } from './plan.js';

/** The first thing in the text. A worker of another version says so, instead of running something else. */
const FORMAT = 'planwright/1';

type Fields = Record<string, Json>;

/** Returns the packed plan. */
export const packPlan = (plan: Plan): string => JSON.stringify([FORMAT, packed(plan)]);

/**
 * Returns the plan again.
 *
 * @throws RangeError when the text was not made by `packPlan`, or by one of another version
 */
export function unpackPlan(text: string): Plan {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw new RangeError('this is not a packed plan: it is not JSON');
  }
  if (!Array.isArray(read) || read[0] !== FORMAT || !isFields(read[1])) {
    throw new RangeError(`this is not a packed plan of format "${FORMAT}"`);
  }
  return unpacked(read[1]);
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function packed(plan: Plan): Fields {
  const { steps, ...head } = plan;
  const indexOf = new Map(steps.map(({ id }, index) => [id, index]));
  const flat = steps.map((step) => flattened(step, indexOf));
  const common = commonFields(flat);
  const own = flat.map((fields) => {
    const differing: Fields = {};
    for (const key in fields) {
      const isUnsaid = fields[key] === null && LEFT_OUT.has(key) && common[key] === undefined;
      if (!isUnsaid && !isSame(fields[key]!, common[key])) differing[key] = fields[key]!;
    }
    return differing;
  });
  // What no step has, or most have not, is not worth a word; a plan packed before there was such a field had none.
  for (const key of LEFT_OUT) {
    if (common[key] !== null) continue;
    delete common[key];
    for (const fields of own) if (fields[key] === null) delete fields[key];
  }
  return { ...(ordered(head) as Fields), common, steps: own };
}

function unpacked(fields: Fields): Plan {
  const { common, steps: lists, ...head } = fields;
  if (!isFields(common) || !Array.isArray(lists)) throw new RangeError('this packed plan has no steps');
  const flat = lists.map((own) => ({ ...common, ...(own as Fields) }) as unknown as FlatStep);
  const ids = flat.map((step) => step.id);
  return { ...(head as unknown as Omit<Plan, 'steps'>), steps: flat.map((step) => raised(step, ids)) };
}

/** A step with the fields of its work beside its own, so that each can be common. */
type FlatStep = Omit<Step, 'name' | 'dependsOn' | 'work'> & {
  /** Null where it is the id again. */
  readonly name: string | null;
  /** Indices; an id for a step that is not in this plan. */
  readonly dependsOn: readonly (number | StepId)[];
  readonly kind: Work['kind'];
  /** Fields of the work, under names of their own. */
  readonly [field: `work.${string}`]: Json;
};

function flattened(step: Step, indexOf: ReadonlyMap<StepId, number>): Fields {
  const { id, name, work, dependsOn, ...rest } = step;
  const fields: Fields = {
    id,
    name: name === id ? null : name,
    dependsOn: dependsOn.map((dependency) => indexOf.get(dependency) ?? dependency),
    kind: work.kind,
  };
  for (const key of STEP_FIELDS) fields[key] = ordered(rest[key] ?? null);
  const values: Readonly<Record<string, unknown>> = { ...work };
  for (const key in WORK_FIELDS[work.kind]) {
    fields[`work.${key}`] =
      key === 'plan' ? packed(values[key] as SubPlanWork['plan']) : ordered(values[key] ?? null);
  }
  return fields;
}

function raised(flat: FlatStep, ids: readonly StepId[]): Step {
  const { id, name, dependsOn, kind } = flat;
  const work: Record<string, unknown> = { kind };
  // A field that is common to the commands of a plan is not one of its approvals: only those of its kind are taken.
  for (const key in WORK_FIELDS[kind]) {
    const value = flat[`work.${key}`];
    if (LEFT_OUT.has(`work.${key}`) && (value ?? null) === null) continue;
    work[key] = value;
  }
  if (kind === 'plan') work['plan'] = unpacked(work['plan'] as Fields);
  const rest = Object.fromEntries(
    STEP_FIELDS.flatMap((key) =>
      LEFT_OUT.has(key) && (flat[key] ?? null) === null ? [] : [[key, flat[key]] as const],
    ),
  ) as Rest;
  return {
    id,
    name: name ?? id,
    work: work as unknown as Work,
    dependsOn: dependsOn.map((dependency) =>
      typeof dependency === 'number' ? ids[dependency]! : dependency,
    ),
    ...rest,
  };
}

type Rest = Omit<Step, 'id' | 'name' | 'work' | 'dependsOn'>;

/** Every other field of a step; the compiler misses one that is not here. */
const STEP_FIELDS = Object.keys({
  timeoutSec: true,
  retry: true,
  idempotent: true,
  critical: true,
  onFailure: true,
  condition: true,
  outputs: true,
  provides: true,
  consumes: true,
  tags: true,
  group: true,
  weight: true,
  runsOn: true,
  priority: true,
  exclusive: true,
} satisfies Record<keyof Required<Rest>, true>) as (keyof Rest)[];

/** Every field of every kind of work. */
const WORK_FIELDS: {
  readonly [Kind in Work['kind']]: Readonly<
    Record<Exclude<keyof Extract<Work, { kind: Kind }>, 'kind'>, true>
  >;
} = {
  command: { command: true, args: true, cwd: true, shell: true, env: true, envMode: true, job: true },
  plan: { path: true, plan: true, given: true, repeat: true },
  for_each: { items: true, maxItems: true, maxParallel: true, template: true, results: true, done: true },
  approval: { message: true, choices: true, defaultOnTimeout: true },
  workstream: {
    ...{ workstream: true, startsWith: true, after: true, tools: true, route: true, prompt: true },
    ...{ files: true, filesScope: true, filesCreate: true, acceptanceTests: true, notExecutable: true },
    ...{ testGates: true, toolTimeoutSec: true, fix: true, maxCostUsd: true, dryRun: true, means: true },
    metadata: true,
  },
  landing: {
    ...{ branch: true, patches: true, gates: true, slots: true, maxBatch: true, begins: true },
    ...{ setup: true, minFreeBytes: true, conflicts: true },
  },
};

/** Fields that may be left out: null on the way, or not there at all. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ...['exclusive', 'work.choices', 'work.defaultOnTimeout', 'work.job'],
  ...['work.given', 'work.repeat', 'work.done', 'work.conflicts'],
]);

/** Returns of each field the value that most steps have; the first of them where several are as frequent. */
function commonFields(steps: readonly Fields[]): Fields {
  const counts = new Map<string, Map<unknown, { readonly value: Json; count: number }>>();
  for (const step of steps) {
    for (const key in step) {
      if (key === 'id') continue;
      let values = counts.get(key);
      if (values === undefined)
        counts.set(key, (values = new Map<unknown, { readonly value: Json; count: number }>()));
      const value = step[key]!;
      const identity = typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
      const seen = values.get(identity);
      if (seen === undefined) values.set(identity, { value, count: 1 });
      else seen.count += 1;
    }
  }
  const common: Fields = {};
  for (const [key, values] of counts) {
    let most: { readonly value: Json; readonly count: number } = { value: null, count: 1 };
    for (const candidate of values.values()) if (candidate.count > most.count) most = candidate;
    if (most.count > 1) common[key] = most.value;
  }
  return common;
}

/** Says whether two values are one, both made by `ordered`. */
function isSame(value: Json, other: Json | undefined): boolean {
  if (value === other) return true;
  if (typeof value !== 'object' || typeof other !== 'object' || value === null || other === null)
    return false;
  return JSON.stringify(value) === JSON.stringify(other);
}

/** Returns the value with the keys of its objects in one order: the same plan gives the same text. */
function ordered(value: unknown): Json {
  if (typeof value !== 'object' || value === null) return value as Json;
  if (Array.isArray(value))
    return value.some((below) => typeof below === 'object') ? value.map(ordered) : (value as Json[]);
  const keys = Object.keys(value);
  if (keys.length > 1) keys.sort();
  const result: Fields = {};
  for (const key of keys) result[key] = ordered((value as Fields)[key]);
  return result;
}
