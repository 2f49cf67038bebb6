/**
 * From the record of a run to the report of its workstreams.
 */
import type { Json, Step } from '../../plan/plan.js';
import type { RunRecord, StepRecord } from '../../plan/record.js';
import { causeOf } from '../../plan/needs.js';
import { describeFailure } from '../../plan/view.js';
import { resolvedText, type Resolution } from '../../landing/landing.js';
import type { PatchState } from '../ledger.js';
import type {
  ReportedConflict,
  ReportedGateRun,
  ReportedPatch,
  ReportedStray,
  ReportedWorkstream,
  SetReport,
  WorkstreamEnd,
} from './report.js';

/** What was known of the set before the run, and is in no plan. */
export interface SetNote {
  readonly format: 1;
  readonly folder: string;
  readonly malformed: SetReport['malformed'];
  readonly collisions: SetReport['collisions'];
  /** Workstreams that could not be part of the plan. */
  readonly blocked: readonly { readonly id: string; readonly title: string; readonly reason: string }[];
}

export const EMPTY_NOTE: SetNote = { format: 1, folder: '', malformed: [], collisions: [], blocked: [] };

/** Says whether a run has anything to report of: a workstream, or a landing. */
export const hasWorkstreams = ({ plan }: Pick<RunRecord, 'plan'>): boolean =>
  plan.steps.some(({ work }) => work.kind === 'workstream' || work.kind === 'landing');

/** Builds the report; of a run that goes on, as far as it is. */
export function reportOf(record: RunRecord, note: SetNote): SetReport {
  const { head, origin, plan, steps } = record;
  const recordOf = new Map(steps.map((step) => [step.id as string, step]));
  const landing = plan.steps.find(({ work }) => work.kind === 'landing');
  const landed = objectOf(landing === undefined ? {} : (recordOf.get(landing.id)?.outputs ?? {}));
  const fates = new Map(
    listOf(landed['patches']).map((patch) => [textOf(patch['workstream']) ?? '', patch] as const),
  );
  const strays = listOf(landed['strays']).map(strayOf);
  const branch = landing?.work.kind === 'landing' && landing.work.branch !== '' ? landing.work.branch : null;
  const workstreams = plan.steps
    .filter(({ work }) => work.kind === 'workstream')
    .map((step) => {
      const record = recordOf.get(step.id)!;
      const cause =
        record.cause === null ? null : causeOf(step, record.cause, (on) => recordOf.get(on)?.state);
      return workstreamOf(step, record, fates.get(step.id) ?? null, cause);
    });
  return {
    format: 1,
    runId: head.runId,
    state: head.state,
    startedAt: head.startedAt ?? head.createdAt,
    endedAt: head.endedAt,
    branch,
    base: origin.base ?? '',
    tip: textOf(landed['tip']),
    maxWorkers: plan.maxConcurrency,
    budget: head.budget === undefined || head.budget.maxUsd === null ? null : head.budget,
    workstreams: [...workstreams, ...note.blocked.map(blockedOf)],
    ...(strays.length === 0 ? {} : { strays }),
    gateRuns: gateRunsOf(listOf(landed['gateRuns'])),
    conflicts: listOf(landed['conflicts']).map((entry) => conflictOf(entry, fates)),
    malformed: note.malformed,
    collisions: note.collisions,
  };
}

/** @param cause - why it ended without being run to its end, or null */
function workstreamOf(
  step: Step,
  record: StepRecord,
  fate: Fields | null,
  cause: string | null,
): ReportedWorkstream {
  const { outputs, attempts } = record;
  const state = stateOf(record);
  const because = record.failure === null ? cause : describeFailure(record.failure);
  const patch = patchOf(objectOf(outputs['patch'] ?? null), outputs, fate);
  const left = textsOf(outputs['leftOut']);
  const captured = textOf(outputs['captured']);
  return {
    id: step.id,
    title: step.name,
    wave: waveOf(step),
    dependsOn: step.dependsOn,
    state,
    tool: textOf(outputs['tool']) ?? (step.work.kind === 'workstream' ? (step.work.tools[0] ?? '') : ''),
    worker: textOf(outputs['worker']),
    startedAt: attempts[0]?.startedAt ?? record.launchedAt,
    endedAt: record.endedAt,
    toolWait: record.toolWait ?? null,
    attempts: attempts.length + record.attemptsOmitted,
    costUsd: numberOf(outputs['costUsd']),
    patch,
    reason: state === 'succeeded' ? null : because,
    notExecutable: textsOf(outputs['notExecutable']),
    notes: textsOf(outputs['notes']),
    ...(left.length === 0 || captured === null ? {} : { leftOut: { patch: captured, texts: left } }),
  };
}

const stateOf = ({ state, cause }: StepRecord): WorkstreamEnd => {
  if (state === 'pending') return 'waiting';
  // Skipped because what it depends on did not come: people know that as blocked.
  if (state === 'skipped')
    return cause?.kind === 'condition' || cause?.kind === 'dependency' ? 'blocked' : 'skipped';
  return state;
};

function patchOf(
  patch: Fields,
  outputs: Readonly<Record<string, Json>>,
  fate: Fields | null,
): ReportedPatch | null {
  const id = textOf(patch['id']);
  if (id === null) return null;
  const ledger = objectOf(outputs['ledger'] ?? null);
  const said = fate === null ? null : textOf(fate['state']);
  const landed = LANDED[said ?? ''] ?? null;
  return {
    id,
    ...(said === null ? {} : { fate: said }),
    state: landed ?? (textOf(ledger['state']) as PatchState | null) ?? 'created',
    files: numberOf(patch['files']) ?? 0,
    insertions: numberOf(patch['insertions']) ?? 0,
    deletions: numberOf(patch['deletions']) ?? 0,
    commit: landed === 'committed' ? textOf(patch['commit']) : null,
    reason: fate === null ? textOf(outputs['reason']) : textOf(fate['reason']),
  };
}

/** What the queue's word for a patch means in the ledger. */
const LANDED: Readonly<Record<string, PatchState>> = {
  landed: 'committed',
  approved: 'verified',
  waiting: 'queued',
  quarantined: 'quarantined',
  blocked: 'validated',
  held: 'queued',
  withdrawn: 'dropped',
};

const blockedOf = ({ id, title, reason }: SetNote['blocked'][number]): ReportedWorkstream => ({
  ...{ id, title, reason, wave: 1, dependsOn: [], state: 'blocked', tool: '', worker: null },
  ...{
    startedAt: null,
    endedAt: null,
    toolWait: null,
    attempts: 0,
    costUsd: null,
    patch: null,
    notExecutable: [],
    notes: [],
  },
});

const strayOf = (stray: Fields): ReportedStray => ({
  from: textOf(stray['from']) ?? '',
  to: textOf(stray['to']) ?? '',
  by: textOf(stray['by']) ?? '',
  keptAs: textOf(stray['keptAs']) ?? '',
});

function gateRunsOf(runs: readonly Fields[]): ReportedGateRun[] {
  const all = runs.map((run): Omit<ReportedGateRun, 'flaked'> => ({
    gate: textOf(run['gate']) ?? '',
    tree: textOf(run['tree']) ?? '',
    patches: textsOf(run['patches']),
    result: run['result'] === 'green' ? 'passed' : run['result'] === 'red' ? 'failed' : 'error',
    startedAt: numberOf(run['startedAt']) ?? 0,
    endedAt: numberOf(run['endedAt']) ?? 0,
  }));
  const passed = new Set(all.flatMap((run) => (run.result === 'passed' ? [`${run.gate} ${run.tree}`] : [])));
  return all.map((run) => ({
    ...run,
    flaked: run.result !== 'passed' && passed.has(`${run.gate} ${run.tree}`),
  }));
}

function conflictOf(entry: Fields, fates: ReadonlyMap<string, Fields>): ReportedConflict {
  const conflict = objectOf(entry['conflict'] ?? null);
  const resolved = listOf(entry['resolved']);
  const workstream = textOf(entry['patch']) ?? textOf(entry['workstream']) ?? '';
  return {
    workstream,
    with: textsOf(conflict['with']),
    files: textsOf(conflict['files']),
    kind: textOf(conflict['kind']) ?? 'content',
    status: statusOf(resolved, textOf(fates.get(workstream)?.['state'])),
    resolved: resolved.map((one) => resolvedText(one as unknown as Resolution)),
  };
}

/** What was resolved and then failed a gate is in quarantine all the same. */
function statusOf(resolved: readonly Fields[], fate: string | null): ReportedConflict['status'] {
  if (resolved.length === 0 || fate === 'quarantined') return 'QUARANTINED';
  if (fate !== 'landed' && fate !== 'approved') return 'PENDING';
  return resolved.every(({ by }) => by === 'memory') ? 'AUTO_RESOLVED' : 'AGENT_RESOLVED';
}

/** From the tag that the compiled plan gives each; a plan written by hand may have none. */
function waveOf({ tags }: Step): number {
  const tag = tags.find((each) => /^wave:\d+$/.test(each));
  return tag === undefined ? 1 : Number(tag.slice('wave:'.length));
}

type Fields = Readonly<Record<string, Json>>;

const objectOf = (value: Json): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const listOf = (value: Json | undefined): Fields[] =>
  Array.isArray(value) ? (value as readonly Json[]).map(objectOf) : [];
const textOf = (value: Json | null | undefined): string | null => (typeof value === 'string' ? value : null);
const numberOf = (value: Json | undefined): number | null => (typeof value === 'number' ? value : null);
const textsOf = (value: Json | undefined): string[] =>
  Array.isArray(value) ? (value as readonly Json[]).flatMap((each) => textOf(each) ?? []) : [];
