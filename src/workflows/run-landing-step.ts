/**
 * Runs a landing step: a child workflow, told of the workstreams that have ended.
 */
import {
  ChildWorkflowCancellationType,
  isCancellation,
  patched,
  rootCause,
  startChild,
} from '@temporalio/workflow';
import type { SearchAttributePair } from '@temporalio/common';
import { DEFAULT_POLICY } from '../landing/policy.js';
import type { LandingWork, Step } from '../plan/plan.js';
import type { Outcome } from '../plan/step-state.js';
import { BRANCH, PLAN_ID, REPOSITORY, RUN_STATE, type FoundBy } from './attributes.js';
import { endOf } from './patches.js';
import { LANDING_WORKFLOW, landingId, type LandingInput, type LandingReport } from './landing-api.js';
import { workstreamsEnded } from './landing-news.js';
import { landingOutputs, whyNotAll } from './landing-outputs.js';
import { CANCELED, failedBy } from './outcome.js';
import { openEnv, summaryOf, type Surroundings } from './run-command-step.js';
import { withinLimit } from './time-limit.js';

/**
 * Runs a landing to its end. Never rejects.
 *
 * @param started - is called once the child can be told of workstreams that end later
 */
export async function runLandingStep(
  step: Step,
  around: Surroundings,
  started: () => void = () => undefined,
): Promise<Outcome> {
  const { work } = step;
  if (work.kind !== 'landing') throw new Error(`BUG: step "${step.id}" is no landing`);
  const { base } = around.origin;
  if (base === undefined) {
    const message =
      'the run was started without a commit to start from: its root is no repository with commits';
    return failedBy({ reason: 'not-started', message });
  }
  const startedAt = Date.now();
  const outcome = await withinLimit(step, () =>
    runChild(step, inputOf(step, work, base, around), around.foundBy, started).then(
      (report) => outcomeOf(report, work, withoutPatch(work, around)),
      failureOf,
    ),
  );
  const end =
    outcome.kind === 'succeeded'
      ? ({ kind: 'succeeded', exitCode: 0 } as const)
      : outcome.kind === 'failed'
        ? ({ kind: 'failed', failure: outcome.failure } as const)
        : ({ kind: 'canceled' } as const);
  return { ...outcome, attempts: [{ number: 1, startedAt, endedAt: Date.now(), end, logs: null }] };
}

function inputOf(step: Step, work: LandingWork, base: string, around: Surroundings): LandingInput {
  const { branch, gates, setup, minFreeBytes, slots, maxBatch, patches, conflicts } = work;
  const blocking = gates.filter((gate) => gate.blocking).map(({ name }) => name);
  const ended = patches.filter(({ workstream }) => endOf(around.stepOf(workstream)) !== null);
  return {
    ...{ runId: around.runId, step: step.id, root: around.origin.root, branch, base },
    ...{ gates, setup, env: openEnv(around.plan), minFreeBytes },
    ...(conflicts === undefined ? {} : { conflicts }),
    policy: { ...DEFAULT_POLICY, gates: blocking, slots, maxBatch, resolves: conflicts !== undefined },
    workstreams: patches.map(({ workstream }) => workstream),
    known: workstreamsEnded(around.plan, work, ended, around.stepOf),
    runsOn: step.runsOn,
  };
}

async function runChild(
  step: Step,
  input: LandingInput,
  foundBy: FoundBy | undefined,
  started: () => void,
): Promise<LandingReport> {
  const { branch, gates, workstreams, policy } = input;
  const child = await startChild<(input: LandingInput) => Promise<LandingReport>>(LANDING_WORKFLOW, {
    workflowId: landingId(input.runId, step.id),
    args: [input],
    staticSummary: summaryOf(step),
    staticDetails: [
      `Branch: ${branch === '' ? 'none, nothing is moved' : `\`${branch}\``}`,
      `Gates: ${gates.map(({ name }) => `\`${name}\``).join(', ') || 'none'}, at most ${policy.slots} trees at once`,
      `Workstreams: ${workstreams.length}`,
    ].join('  \n'),
    typedSearchAttributes: attributesFor(branch, foundBy),
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  started();
  return child.result();
}

/** Found by what its run is found by; a namespace that knows no attributes is given none. */
function attributesFor(branch: string, foundBy: FoundBy | undefined): SearchAttributePair[] {
  if (foundBy === undefined) return [];
  const { plan, repository } = foundBy;
  return [
    { key: PLAN_ID, value: plan },
    { key: RUN_STATE, value: 'running' },
    ...(repository === undefined ? [] : [{ key: REPOSITORY, value: repository }]),
    ...(branch === '' ? [] : [{ key: BRANCH, value: branch.replace(/^refs\/heads\//, '') }]),
  ];
}

/** Workstreams that should have had a patch and have none. */
function withoutPatch({ patches }: LandingWork, { stepOf }: Surroundings): readonly string[] {
  // Runs of before went well without them.
  if (!patched('failed-workstreams-count')) return [];
  return patches.flatMap(({ workstream }) =>
    endOf(stepOf(workstream))?.kind === 'failed' ? [workstream] : [],
  );
}

function outcomeOf(report: LandingReport, { branch }: LandingWork, missing: readonly string[]): Outcome {
  const outputs = landingOutputs(report);
  const rest = { attempts: [], attemptsOmitted: 0, outputs };
  if (report.canceled) return { kind: 'canceled', ...rest };
  const message = whyNotAll(report, branch, missing);
  return message === null
    ? { kind: 'succeeded', ...rest }
    : { kind: 'failed', failure: { reason: 'landing-failed', message }, ...rest };
}

function failureOf(error: unknown): Outcome {
  if (isCancellation(error)) return CANCELED;
  const message = (rootCause(error) ?? String(error)).slice(0, 1000);
  return failedBy({ reason: 'landing-failed', message });
}
