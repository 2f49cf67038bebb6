/**
 * The whole run in one report: for people (Markdown) and for programs (JSON).
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { writeAtomically } from '../git/atomic-file.js';
import { textOf } from './options.js';
import type { Report } from './reasons.js';
import { readReport, REPORT_FILES, type ToolName } from './state.js';
import { shownSource } from './target.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';

export const reportTool: Tool = {
  name: 'report',
  patternId: 'MERGE-004',
  phase: 6,
  phaseName: 'metrics_and_event_append',
  summary: 'Sums up the run from its reports: safe_merge_report.json and SAFE_MERGE_REPORT.md.',
  help: [
    'They lie beside the reports of the steps; --to names another directory. What ends a run writes them by itself.',
    'Exit codes: 0 written, 2 wrong use.',
  ].join('\n'),
  example: 'report --run safe-merge-01jd3v9qk6 --to .',
  options: [{ flags: '--to <directory>', description: 'where to write them', default: '' }],
  tolerated: true,
  run: sumUp,
};

interface Row {
  readonly step: string;
  readonly status: string;
  readonly seconds: number | null;
  readonly lock_wait_ms: number;
  readonly reason_code: string | null;
  readonly message: string | null;
  readonly hint: string | null;
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

async function sumUp(context: Context, options: OptionValues): Promise<Finding> {
  const to = textOf(options, 'to') === '' ? context.directory : resolve(context.cwd, textOf(options, 'to'));
  const { files, ...summary } = await writeRunReport(context, to);
  return {
    summary: `${summary.outcome}; written to ${files[1]}`,
    report: { ...summary, files },
  };
}

/** How a run ended that had no time to say so itself. */
export interface Ending {
  readonly state: string;
  readonly reason: string;
  readonly step: string | null;
  readonly message: string | null;
  /** RFC 3339, UTC. */
  readonly endedAt: string;
  readonly seconds: number | null;
  readonly leaseWaitMs: number;
}

export const RUN_REPORT = 'safe_merge_report.json';

/** Writes both forms of the report; called also by whatever ends a run. */
export async function writeRunReport(
  { directory, run, target }: Pick<Context, 'directory' | 'run' | 'target'>,
  to: string,
  ending: Ending | null = null,
): Promise<Summary & { readonly files: readonly [string, string] }> {
  const reports = new Map<ToolName, Report>();
  for (const [name, file] of Object.entries(REPORT_FILES) as [ToolName, string][]) {
    const report = name === 'report' ? null : await readReport(join(directory, file));
    if (report !== null) reports.set(name, report);
  }
  const rows = [...reports].map(([step, report]) => rowOf(step, report));
  const push = reports.get('guarded_push');
  // A failure of git_merge is what the steps behind it are for.
  const stopped = rows.find((row) => row.reason_code !== null && row.step !== 'git_merge');
  const own = stopped !== undefined ? 'stopped' : push?.['status'] === 'ok' ? 'success' : 'unfinished';
  const status = own === 'unfinished' && ending !== null ? ending.state : own;
  const summary = {
    outcome: status,
    outcome_reason: stopped?.reason_code ?? (ending?.reason || null),
    ended: ending,
    branches: { target: target.branch, source: shownSource(target), remote: target.remote },
    action: push?.['action'] ?? null,
    commit: push?.['commit'] ?? null,
    pushed: push?.['pushed'] ?? null,
    seconds: round(rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0)),
    lock_wait_ms: rows.reduce((sum, row) => sum + row.lock_wait_ms, 0),
    steps: rows,
    logs: await readdir(join(directory, 'gates')).catch(() => []),
  };
  const [json, markdown] = [join(to, RUN_REPORT), join(to, 'SAFE_MERGE_REPORT.md')];
  await writeAtomically(json, `${JSON.stringify({ pattern_id: 'MERGE-004', run, ...summary }, null, 2)}\n`);
  await writeAtomically(markdown, markdownOf(run, summary));
  return { ...summary, files: [json, markdown] };
}

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

function rowOf(step: string, report: Report): Row {
  const lock = report['lock'] as { waited_ms?: unknown } | undefined;
  return {
    step,
    status: text(report['status']) ?? '',
    seconds: typeof report['seconds'] === 'number' ? report['seconds'] : null,
    lock_wait_ms: typeof lock?.waited_ms === 'number' ? lock.waited_ms : 0,
    reason_code: text(report['reason_code']),
    message: text(report['message']),
    hint: text(report['hint']),
  };
}

interface Summary {
  readonly outcome: string;
  readonly outcome_reason: string | null;
  readonly ended: Ending | null;
  readonly branches: { readonly target: string; readonly source: string; readonly remote: string };
  readonly action: unknown;
  readonly commit: unknown;
  readonly seconds: number;
  readonly lock_wait_ms: number;
  readonly steps: readonly Row[];
}

function markdownOf(
  run: string,
  { outcome, ended, branches, action, commit, seconds, lock_wait_ms: wait, steps }: Summary,
): string {
  const cell = (value: string | null): string =>
    (value ?? '').replace(/\|/g, '\\|').replace(/\s*\n\s*/g, ' ');
  const rows = steps.map(
    (row) => `| \`${row.step}\` | ${cell(row.status)} | ${row.seconds ?? ''} | ${cell(row.reason_code)} |`,
  );
  const troubles = steps.flatMap(({ step, message, hint }) =>
    message === null ? [] : [`- \`${step}\`: ${cell(message)}${hint === null ? '' : ` → ${cell(hint)}`}`],
  );
  return [
    `# Safe merge ${run}: ${outcome}`,
    '',
    `${branches.source} into ${branches.target} of ${branches.remote}.`,
    ...(typeof action === 'string' ? [`What was done: ${action}, ${String(commit)}.`] : []),
    `The steps took ${seconds} s, ${wait} ms of them waiting for the lock.`,
    ...(ended === null
      ? []
      : [
          `The run ended at ${ended.endedAt}, ${ended.seconds ?? '?'} s after it was asked for; ${ended.leaseWaitMs} ms of them it waited for its lease.`,
          ...(ended.message === null ? [] : [`The engine says: ${cell(ended.message)}`]),
        ]),
    '',
    '| Step | Status | Seconds | Reason |',
    '| --- | --- | --- | --- |',
    ...rows,
    ...(troubles.length === 0
      ? []
      : ['', `## ${outcome === 'success' ? 'What came up on the way' : 'What stopped it'}`, '', ...troubles]),
    '',
  ].join('\n');
}
