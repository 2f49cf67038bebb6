/**
 * Makes a plan of a set of workstreams: one `workstream` step each, and one `landing` step that takes their patches in.
 *
 * What is here is what the interpreter and the activities work from; `with` in a plan file holds the same fields.
 */
import type { LandingWork, Plan, Priority, Step, StepId, WorkstreamWork } from '../plan/plan.js';
import { executableTests } from './acceptance.js';
import { meansOf, packMeans } from './means.js';
import type { WorkstreamSettings } from './settings.js';
import type { SetPlan } from './plan-set.js';
import { fixLimitsFor } from './fix-loop.js';
import { chainOf, routeTool } from './tool/routing.js';
import type { Workstream, WorkstreamId } from './workstream.js';

export type { LandingEntry, LandingWork, WorkstreamWork } from '../plan/plan.js';

export interface CompileOptions {
  readonly planId: string;
  readonly settings: WorkstreamSettings;
  readonly maxWorkers: number;
  /** A wave starts when the one before has ended, whatever it came to. */
  readonly strictWaves: boolean;
  readonly dryRun: boolean;
  readonly branch: string;
  readonly landing: Pick<LandingWork, 'gates' | 'slots' | 'maxBatch' | 'begins'>;
}

export const LANDING_STEP = 'landing' as StepId;

/**
 * Compiles workstreams that can run.
 *
 * A failed workstream ends its dependents as skipped and no other: its step says `continue`, and each dependent has the
 * condition that what it depends on succeeded. A policy of `skip_dependents` would not do: it would skip those that
 * merely come after as well, and landing.
 *
 * @param plan - `planSet` of the same workstreams
 */
export function compileSet(workstreams: readonly Workstream[], plan: SetPlan, options: CompileOptions): Plan {
  const { settings, maxWorkers, strictWaves } = options;
  const byId = new Map(workstreams.map((one) => [one.id, one]));
  const levelOf = new Map(plan.waves.flatMap((wave, level) => wave.map((id) => [id, level] as const)));
  const rank = new Map(plan.order.map((id, at) => [id, at]));
  const above = ancestorsOf(plan);
  const steps = plan.order.map((id): Step => {
    const workstream = byId.get(id)!;
    const needs = plan.dependsOn[id]!;
    const after = (plan.after[id] ?? []).map((one) => one.id);
    const wave = levelOf.get(id)!;
    const barrier = strictWaves && wave > 0 ? plan.waves[wave - 1]! : [];
    const work = workOf(
      workstream,
      [...above.get(id)!].sort((a, b) => rank.get(a)! - rank.get(b)!),
      after,
      options,
    );
    return {
      ...PLAIN_STEP,
      id: id as string as StepId,
      name: titleOf(workstream),
      work,
      retry: retryOf(workstream, options),
      dependsOn: [...new Set([...needs, ...after, ...barrier])] as string[] as StepId[],
      condition:
        needs.length === 0 ? null : needs.map((on) => `steps["${on}"].state == "succeeded"`).join(' && '),
      timeoutSec: settings.execution.worker_timeout_seconds + work.toolTimeoutSec * work.fix.maxAttempts,
      tags: [`wave:${wave + 1}`, `tool:${work.tools[0]!}`],
      group: `Wave ${wave + 1}`,
      weight: null,
      priority: workstream.priority === 'background' ? 'low' : 'normal',
    };
  });
  const landsLate = options.landing.begins === 'when-all-ended';
  const landing: Step = {
    ...PLAIN_STEP,
    id: LANDING_STEP,
    name: options.branch === '' ? 'Check the patches' : `Land the patches on ${options.branch}`,
    work: {
      kind: 'landing',
      branch: options.branch,
      ...options.landing,
      setup: settings.isolation.setup,
      minFreeBytes: settings.isolation.min_free_mb * 1024 * 1024,
      conflicts: settings.landing.conflicts,
      patches: plan.order.map((id) => {
        const { priority } = byId.get(id)!;
        return { workstream: id, dependsOn: plan.dependsOn[id]!, priority, level: levelOf.get(id)! };
      }),
    },
    dependsOn: landsLate ? steps.map(({ id }) => id) : [],
    // A patch that should have landed and has not: the run has failed, whatever else went well.
    critical: true,
    onFailure: { kind: 'abort' },
    timeoutSec: 7 * 24 * 60 * 60,
    priority: 'high',
  };
  return {
    planId: options.planId,
    version: '1',
    description: `${workstreams.length} workstreams in ${plan.waves.length} waves`,
    project: settings.project.name,
    phaseId: 'WORKSTREAMS',
    maxConcurrency: maxWorkers,
    env: {},
    variables: {},
    secrets: [],
    budget: settings.budget,
    steps: landsLate ? [...steps, landing] : [landing, ...steps],
  };
}

const PLAIN_STEP = {
  retry: {
    maxAttempts: 1,
    initialIntervalSec: 0,
    backoffCoefficient: 1,
    maxIntervalSec: 0,
    nonRetryableExitCodes: [],
  },
  // An attempt has a worktree of its own, and what a lost one wrote is kept: running it again spoils nothing.
  idempotent: true,
  critical: false,
  onFailure: { kind: 'continue' },
  condition: null,
  outputs: {},
  provides: [],
  consumes: [],
  tags: [],
  group: null,
  weight: null,
  runsOn: null,
  priority: 'normal' as Priority,
} satisfies Partial<Step>;

/** A tool that could not be called, or broke down, is called again; work that fails its checks has the fix loop for that. */
function retryOf({ capabilityPayload }: Workstream, { settings }: CompileOptions): Step['retry'] {
  const {
    max_retries: retries,
    backoff_seconds: wait,
    backoff_multiplier: factor,
  } = settings.execution.retry_policy;
  return {
    maxAttempts: (capabilityPayload.maxRetries ?? retries) + 1,
    initialIntervalSec: wait,
    backoffCoefficient: factor,
    maxIntervalSec: Math.max(MAX_BACKOFF_SEC, wait),
    nonRetryableExitCodes: [],
  };
}

const MAX_BACKOFF_SEC = 300;

function workOf(
  workstream: Workstream,
  startsWith: readonly WorkstreamId[],
  after: readonly WorkstreamId[],
  { settings, dryRun }: CompileOptions,
): WorkstreamWork {
  const route = routeTool(workstream, settings.routing);
  const tools = chainOf(route, settings.routing);
  const { capabilityPayload: payload } = workstream;
  const { executable, prose } = executableTests(workstream.acceptanceTests);
  const timeoutMs = payload.timeoutMs ?? settings.execution.tool_timeout_seconds * 1_000;
  return {
    kind: 'workstream',
    workstream: workstream.id,
    startsWith,
    after,
    tools,
    route,
    prompt: promptOf(workstream),
    files: payload.files.length > 0 ? payload.files : workstream.filesScope,
    filesScope: workstream.filesScope,
    filesCreate: workstream.filesCreate,
    acceptanceTests: executable,
    notExecutable: prose,
    testGates: workstream.testGates,
    toolTimeoutSec: Math.ceil(timeoutMs / 1_000),
    fix: fixLimitsFor(workstream.circuitBreaker, settings.fix),
    maxCostUsd: workstream.maxCostUsd,
    dryRun,
    means: packMeans(meansOf(settings, tools, workstream.testGates)),
    metadata: workstream.metadata,
  };
}

const MAX_TITLE = 120;

function titleOf({ id, tasks }: Workstream): string {
  const [task = id] = tasks;
  return task.length > MAX_TITLE ? `${task.slice(0, MAX_TITLE - 1)}…` : task || id;
}

/** Returns what the tool is told: the tasks, the files, what will be checked. */
export function promptOf(workstream: Workstream): string {
  const list = (title: string, items: readonly string[]): string[] =>
    items.length === 0 ? [] : ['', `${title}:`, ...items.map((item) => `- ${item}`)];
  const { capabilityPayload: payload } = workstream;
  return [
    `Workstream ${workstream.id} (${workstream.openspecChange}, ${workstream.kind})`,
    ...(payload.prompt === null ? [] : ['', payload.prompt]),
    ...list('Tasks', workstream.tasks),
    ...list('Change only these files', workstream.filesScope),
    ...list('You may also create', workstream.filesCreate),
    ...list('This will be checked', workstream.acceptanceTests),
  ].join('\n');
}

function ancestorsOf(plan: SetPlan): Map<WorkstreamId, Set<WorkstreamId>> {
  const above = new Map<WorkstreamId, Set<WorkstreamId>>();
  for (const id of plan.order) {
    const set = new Set<WorkstreamId>();
    for (const on of plan.dependsOn[id]!) {
      set.add(on);
      for (const further of above.get(on)!) set.add(further);
    }
    above.set(id, set);
  }
  return above;
}
