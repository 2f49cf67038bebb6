/**
 * A report of a run of workstreams, for tests of what is made from one.
 */
import type { PatchState } from '../../src/workstream/ledger.js';
import type { ReportedPatch, ReportedWorkstream, SetReport } from '../../src/workstream/report/report.js';

export const START = Date.UTC(2026, 0, 5, 9, 30);

export const aPatch = (state: PatchState, rest: Partial<ReportedPatch> = {}): ReportedPatch => ({
  id: 'p-1',
  state,
  files: 2,
  insertions: 31,
  deletions: 4,
  commit: state === 'committed' ? 'c0ffee'.padEnd(40, '0') : null,
  reason: null,
  ...rest,
});

export const aWorkstream = (id: string, rest: Partial<ReportedWorkstream> = {}): ReportedWorkstream => ({
  id,
  title: `Do ${id}`,
  wave: 1,
  dependsOn: [],
  state: 'succeeded',
  tool: 'aider',
  worker: 'worker-001',
  startedAt: START,
  endedAt: START + 60_000,
  toolWait: null,
  attempts: 1,
  costUsd: null,
  patch: aPatch('committed'),
  reason: null,
  notExecutable: [],
  notes: [],
  ...rest,
});

export const aReport = (rest: Partial<SetReport> = {}): SetReport => ({
  format: 1,
  runId: 'set-1',
  state: 'succeeded',
  startedAt: START,
  endedAt: START + 120_000,
  branch: 'refs/heads/main',
  base: 'ba5e'.padEnd(40, '0'),
  tip: 'feed'.padEnd(40, '0'),
  maxWorkers: 2,
  budget: null,
  workstreams: [aWorkstream('ws-a')],
  gateRuns: [],
  conflicts: [],
  malformed: [],
  collisions: [],
  ...rest,
});
