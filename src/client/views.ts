/**
 * A run and its steps as programs read them: the field names that users of the earlier engine know, and ours beside.
 */
import { attemptId, rfc3339, toolOf } from '../plan/event.js';
import { causeText, failureExitCode, failureText } from '../plan/failure-words.js';
import { attemptsSeen, type LiveAttempt, type SeenAttempt } from '../plan/live.js';
import type { LeaseUse } from '../plan/lease-use.js';
import { causeOf } from '../plan/needs.js';
import type { Json, Step, StepId } from '../plan/plan.js';
import type { QuarantineNote, RunHead, RunRecord, RunState, StepKind, StepRecord } from '../plan/record.js';
import { underQuarantine, type RunSummary } from '../record/run-record.js';

/** A run: `getRun`, and one element of `listRuns`. */
export interface RunStatus {
  readonly run_id: string;
  readonly project_id: string;
  readonly phase_id: string;
  readonly workstream_id: null;
  readonly execution_request_id: null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly state: RunState;
  /** 0 succeeded, 1 any other end, null while it is open. */
  readonly exit_code: 0 | 1 | null;
  readonly error_message: string | null;
  readonly metadata: {
    readonly plan_id: string;
    readonly plan_version: string;
    readonly plan_path: string;
    /** Without secrets. Null in lists. */
    readonly variables: Readonly<Record<string, string>> | null;
  };
  /** Ended steps of all, in per cent, rounded down: 100 is said of nothing that still runs. */
  readonly progress: number;
  readonly counts: Readonly<Record<StepKind, number>>;
  /** Failures that the run went on in spite of. */
  readonly tolerated_failures: number;
  readonly paused: boolean;
  /** Who paused it and why, while it is paused. */
  readonly paused_by: { readonly reason: string; readonly actor: string } | null;
  /** The step whose failure aborted the run. */
  readonly aborted_by: string | null;
  readonly cancel: { readonly reason: string; readonly actor: string } | null;
  readonly retry_of: string | null;
  readonly parent_run: string | null;
  readonly root: string;
  readonly actor: string;
  /** The leases of the run as a whole. */
  readonly leases: readonly LeaseStatus[];
}

/** A lease that a run or a step asked for. */
export interface LeaseStatus {
  readonly name: string;
  readonly asked_at: string;
  /** Null while it is waited for, and for good when the wait was given up. */
  readonly granted_at: string | null;
  readonly waited_sec: number | null;
  readonly token: number | null;
  /** Whom it waited for, as last heard. */
  readonly held_by: {
    readonly run_id: string;
    readonly step_id: string | null;
    readonly since: string;
  } | null;
  readonly taken_away: { readonly at: string; readonly reason: string; readonly actor: string } | null;
}

/** One attempt of a step; a step without any has one row all the same, with `attempt` null. */
export interface StepAttempt {
  readonly step_attempt_id: string | null;
  readonly run_id: string;
  /** The place of the step in the plan, from 0. */
  readonly sequence: number;
  readonly tool_id: string;
  readonly tool_run_id: null;
  readonly execution_request_id: null;
  readonly prompt_id: null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly state: StepKind;
  readonly exit_code: number | null;
  readonly input_prompt: null;
  readonly output_patch_id: null;
  /** What went wrong: the end of the command's output, or a sentence. */
  readonly error_log: string | null;
  readonly metadata: {
    readonly step_id: string;
    readonly step_name: string;
    readonly attempt: number | null;
    /** Of a landing at work: how many patches stand where. */
    readonly landing?: Readonly<Record<string, number>>;
  };
  /** Why the step ended without being run to its end. */
  readonly cause: string | null;
  /** Where the whole output is: a host and two paths relative to the run's directory. */
  readonly logs: { readonly host: string; readonly stdout: string; readonly stderr: string } | null;
  readonly outputs: Readonly<Record<string, Json>>;
  /** What a person is or was asked, by an approval that was launched; null for all other steps. */
  readonly approval: {
    readonly message: string;
    readonly choices: readonly { readonly value: string; readonly label: string }[];
    readonly deadline: string;
    readonly default_on_timeout: string | null;
  } | null;
  /** The leases that the step asked for. */
  readonly leases: readonly LeaseStatus[];
}

/** Everything that is known of one run. */
export interface RunView {
  readonly record: RunRecord;
  readonly live: ReadonlyMap<string, LiveAttempt>;
  readonly quarantine: QuarantineNote | null;
}

export function runStatus(view: RunView): RunStatus {
  const { plan, origin } = view.record;
  const { planId, version, project, phaseId } = plan;
  const summary = { format: 1, head: view.record.head, origin, planId, version, project, phaseId } as const;
  return summaryStatus(summary, view.quarantine, plan.variables);
}

export function summaryStatus(
  { head: own, origin, planId, version, project, phaseId }: RunSummary,
  quarantine: QuarantineNote | null,
  variables: Readonly<Record<string, string>> | null = null,
): RunStatus {
  const head = underQuarantine(own, quarantine);
  return {
    run_id: head.runId,
    project_id: project,
    phase_id: phaseId,
    workstream_id: null,
    execution_request_id: null,
    created_at: rfc3339(head.createdAt),
    started_at: timeOrNull(head.startedAt),
    ended_at: timeOrNull(head.endedAt),
    state: head.state,
    exit_code: head.endedAt === null ? null : head.state === 'succeeded' ? 0 : 1,
    error_message: head.message,
    metadata: { plan_id: planId, plan_version: version, plan_path: origin.planPath, variables },
    progress: progressOf(head),
    counts: head.counts,
    tolerated_failures: head.toleratedFailures,
    paused: head.paused,
    paused_by: head.pausedBy ?? null,
    aborted_by: head.abortedBy,
    cancel: head.cancel,
    retry_of: origin.retryOf,
    parent_run: origin.parentRun,
    root: origin.root,
    actor: origin.actor,
    leases: leasesOf(head.leases),
  };
}

/** Returns how far a run is, in whole per cent. */
export function progressOf({ counts }: Pick<RunHead, 'counts'>): number {
  const ended = counts.succeeded + counts.failed + counts.skipped + counts.canceled;
  const all = ended + counts.pending + counts.running;
  return all === 0 ? 0 : Math.floor((100 * ended) / all);
}

/** Returns the rows of all steps, in plan order, attempts of a step in theirs. */
export function stepAttempts({ record, live }: RunView): StepAttempt[] {
  const recordOf = new Map(record.steps.map((step) => [step.id, step]));
  const stateOf = (id: StepId): StepKind | undefined => recordOf.get(id)?.state;
  return record.plan.steps.flatMap((step, sequence) => {
    const own = recordOf.get(step.id);
    if (own === undefined) return [];
    const seen = attemptsSeen(step, own, live.get(step.id) ?? null);
    const base = { run_id: record.head.runId, sequence, tool_id: toolOf(step), ...NOT_KEPT };
    const landing = live.get(step.id)?.landing;
    const attempts =
      seen.length === 0
        ? [untried(base, step, own, stateOf)]
        : seen.map((attempt) => tried(base, step, own, attempt, attempt === seen.at(-1)));
    return landing === undefined
      ? attempts
      : attempts.map((one) => ({ ...one, metadata: { ...one.metadata, landing } }));
  });
}

// Columns of the earlier engine that have no meaning for a plan's steps: programs that select them find them empty.
const NOT_KEPT = {
  tool_run_id: null,
  execution_request_id: null,
  prompt_id: null,
  input_prompt: null,
  output_patch_id: null,
} as const;
type Base = Pick<StepAttempt, 'run_id' | 'sequence' | 'tool_id'> & typeof NOT_KEPT;

function untried(
  base: Base,
  step: Step,
  record: StepRecord,
  stateOf: (id: StepId) => StepKind | undefined,
): StepAttempt {
  const { failure } = record;
  return {
    ...base,
    step_attempt_id: null,
    started_at: null,
    ended_at: timeOrNull(record.endedAt),
    state: record.state,
    exit_code: failure === null ? null : failureExitCode(failure),
    error_log: failure === null ? null : failureText(failure),
    metadata: { step_id: step.id, step_name: step.name, attempt: null },
    cause: record.cause === null ? null : causeOf(step, record.cause, stateOf),
    logs: null,
    outputs: record.outputs,
    approval: approvalOf(record),
    leases: leasesOf(record.leases),
  };
}

function tried(
  base: Base,
  step: Step,
  record: StepRecord,
  attempt: SeenAttempt,
  isLast: boolean,
): StepAttempt {
  const { number, startedAt, ended } = attempt;
  const failure = ended?.end.kind === 'failed' ? ended.end.failure : null;
  const logs = ended?.logs ?? null;
  return {
    ...base,
    step_attempt_id: attemptId(base.run_id, step.id, number),
    started_at: timeOrNull(startedAt),
    ended_at: timeOrNull(ended?.endedAt ?? null),
    state: ended?.end.kind ?? 'running',
    exit_code: failure === null ? (ended?.end.kind === 'succeeded' ? 0 : null) : failureExitCode(failure),
    error_log: failure === null ? null : failureText(failure),
    metadata: { step_id: step.id, step_name: step.name, attempt: number },
    cause: isLast && record.cause !== null ? causeText(record.cause) : null,
    logs: logs === null ? null : { host: logs.host, stdout: logs.stdout, stderr: logs.stderr },
    outputs: isLast ? record.outputs : {},
    approval: approvalOf(record),
    leases: leasesOf(record.leases),
  };
}

const leasesOf = (uses: readonly LeaseUse[] = []): LeaseStatus[] =>
  uses.map(({ name, askedAt, grantedAt, token, heldBy, taken }) => ({
    name,
    asked_at: rfc3339(askedAt),
    granted_at: timeOrNull(grantedAt),
    waited_sec: grantedAt === null ? null : Math.max(0, grantedAt - askedAt) / 1000,
    token,
    held_by:
      heldBy === null ? null : { run_id: heldBy.run, step_id: heldBy.step, since: rfc3339(heldBy.since) },
    taken_away: taken === null ? null : { ...taken, at: rfc3339(taken.at) },
  }));

function approvalOf({ asked }: StepRecord): StepAttempt['approval'] {
  if (asked === undefined) return null;
  const { message, choices, deadlineAt, defaultOnTimeout } = asked;
  return { message, choices, deadline: rfc3339(deadlineAt), default_on_timeout: defaultOnTimeout };
}

const timeOrNull = (at: number | null): string | null => (at === null ? null : rfc3339(at));
