/**
 * What a run of workstreams came to: the data of every report. Plain JSON; times are milliseconds since 1970.
 */
import type { BudgetUse } from '../../plan/record.js';
import type { ToolWait } from '../../plan/tool-wait.js';
import type { PatchState } from '../ledger.js';

export type WorkstreamEnd =
  'waiting' | 'running' | 'succeeded' | 'failed' | 'blocked' | 'canceled' | 'skipped';

export interface ReportedPatch {
  readonly id: string;
  readonly state: PatchState;
  /** What the landing queue says of it, which knows more ways to wait; left out before it has. */
  readonly fate?: string;
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
  /** The commit it became, or null. */
  readonly commit: string | null;
  /** Why it is quarantined or dropped, or null. */
  readonly reason: string | null;
}

export interface ReportedWorkstream {
  readonly id: string;
  readonly title: string;
  /** From 1. */
  readonly wave: number;
  readonly dependsOn: readonly string[];
  readonly state: WorkstreamEnd;
  readonly tool: string;
  readonly worker: string | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Its last wait for a tool that was out of order, or null. */
  readonly toolWait: ToolWait | null;
  readonly attempts: number;
  readonly costUsd: number | null;
  readonly patch: ReportedPatch | null;
  /** Why it failed, is blocked or was not run; null when there is nothing to say. */
  readonly reason: string | null;
  /** What its tool wrote and no patch holds, and under whose name it is kept; left out: nothing. */
  readonly leftOut?: { readonly patch: string; readonly texts: readonly string[] };
  /** Acceptance tests in prose: neither passed nor failed. */
  readonly notExecutable: readonly string[];
  /** What is to be known of its last attempt and stopped nothing: what was kept, gone on from, or put together for it. */
  readonly notes: readonly string[];
}

export interface ReportedGateRun {
  readonly gate: string;
  readonly tree: string;
  readonly patches: readonly string[];
  readonly result: 'passed' | 'failed' | 'error';
  /** True when another run of it on the same tree came out otherwise. */
  readonly flaked: boolean;
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface ReportedConflict {
  readonly workstream: string;
  readonly with: readonly string[];
  readonly files: readonly string[];
  readonly kind: string;
  readonly status: 'PENDING' | 'AUTO_RESOLVED' | 'AGENT_RESOLVED' | 'HUMAN_RESOLVED' | 'QUARANTINED';
  /** Each file that was resolved, and by whom: "a.txt by resolver, confidence 0.9". */
  readonly resolved: readonly string[];
}

export interface ReportedStray {
  readonly from: string;
  readonly to: string;
  /** Whose tool it was. */
  readonly by: string;
  /** The ref that keeps what the tool had made of it. */
  readonly keptAs: string;
}

export interface SetReport {
  readonly format: 1;
  readonly runId: string;
  readonly state: string;
  readonly startedAt: number;
  /** Null while it runs. */
  readonly endedAt: number | null;
  /** The branch that the patches were to land on, or null when none was. */
  readonly branch: string | null;
  readonly base: string;
  /** Where the branch is after the run. */
  readonly tip: string | null;
  readonly maxWorkers: number;
  /** What the run was allowed to cost, and how that went; null for one that has no limit. */
  readonly budget: BudgetUse | null;
  readonly workstreams: readonly ReportedWorkstream[];
  /** Moves of the branch by tools, which were set back; left out: there were none. */
  readonly strays?: readonly ReportedStray[];
  readonly gateRuns: readonly ReportedGateRun[];
  readonly conflicts: readonly ReportedConflict[];
  readonly malformed: readonly { readonly file: string; readonly place: string; readonly reason: string }[];
  readonly collisions: readonly {
    readonly first: string;
    readonly second: string;
    readonly paths: readonly string[];
  }[];
}

export interface Totals {
  readonly workstreams: number;
  readonly succeeded: number;
  readonly landed: number;
  readonly quarantined: number;
  readonly failed: number;
  readonly blocked: number;
  readonly canceled: number;
  readonly waves: number;
  readonly malformed: number;
  readonly gateRuns: number;
  readonly gateFailures: number;
  /** Null when no tool said what it cost. */
  readonly costUsd: number | null;
  readonly tookMs: number;
  /** Working times of all workstreams, one after the other. */
  readonly serialMs: number;
  /** `serialMs` divided by `tookMs`; null when nothing has run. */
  readonly speedUp: number | null;
  /** Share of the workers' time in which they worked, 0 to 1. */
  readonly utilisation: number | null;
}

/** Says whether what a line of `leftOut` tells of can be brought back. */
export const isKept = (text: string): boolean => text.startsWith('kept');

/** Counts what a reader asks first. `now` stands for the end of what still runs. */
export function totalsOf(report: SetReport, now: number): Totals {
  const { workstreams, gateRuns, malformed, startedAt, endedAt, maxWorkers } = report;
  const count = (is: (one: ReportedWorkstream) => boolean): number => workstreams.filter(is).length;
  const tookMs = Math.max(0, (endedAt ?? now) - startedAt);
  const serialMs = workstreams.reduce((sum, one) => sum + workedMs(one, now), 0);
  const costs = workstreams.flatMap(({ costUsd }) => (costUsd === null ? [] : [costUsd]));
  const ran = serialMs > 0 && tookMs > 0;
  return {
    workstreams: workstreams.length,
    succeeded: count(({ state }) => state === 'succeeded'),
    landed: count(({ patch }) => patch?.state === 'committed'),
    quarantined: count(({ patch }) => patch?.state === 'quarantined'),
    // One whose patch is in quarantine is counted there: the numbers add up.
    failed: count((one) => fateOf(one) === 'failed'),
    blocked: count((one) => fateOf(one) === 'blocked'),
    canceled: count(({ state }) => state === 'canceled'),
    waves: Math.max(0, ...workstreams.map(({ wave }) => wave)),
    malformed: malformed.length,
    gateRuns: gateRuns.length,
    gateFailures: gateRuns.filter(({ result }) => result !== 'passed').length,
    costUsd: costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0),
    tookMs,
    serialMs,
    speedUp: ran ? serialMs / tookMs : null,
    utilisation: ran ? Math.min(1, serialMs / (tookMs * maxWorkers)) : null,
  };
}

export const workedMs = ({ startedAt, endedAt }: ReportedWorkstream, now: number): number =>
  startedAt === null ? 0 : Math.max(0, (endedAt ?? now) - startedAt);

/** Returns a length of time for people: `0.4 s`, `12 s`, `3 m 5 s`, `2 h 1 m`. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} m`;
}

/** A number and what is counted: `1 file`, `3 files`. */
export const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** What became of a workstream, in one word: a patch that landed says more than a tool that succeeded. */
export function fateOf({ state, patch }: ReportedWorkstream): string {
  if (patch?.state === 'committed') return 'landed';
  if (patch?.state === 'quarantined') return 'quarantined';
  if (patch?.fate === 'held' || patch?.fate === 'blocked' || patch?.fate === 'withdrawn') return patch.fate;
  if (state === 'succeeded' && patch === null) return 'no change';
  return state;
}

/** What the tools cost, beside what they were allowed to. */
export function costText(
  { budget }: Pick<SetReport, 'budget'>,
  { costUsd }: Pick<Totals, 'costUsd'>,
): string {
  const spent = costUsd === null ? 'not known' : `$${costUsd.toFixed(2)}`;
  if (budget === null || budget.maxUsd === null) return spent;
  const over =
    budget.exceededAt === null ? '' : budget.mode === 'halt' ? ', and stopped there' : ', exceeded';
  return `${spent} of $${budget.maxUsd.toFixed(2)}${over}`;
}
