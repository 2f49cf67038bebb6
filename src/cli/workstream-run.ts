/**
 * `planwright workstream run`, `report` and `show`: a set at work, and what became of it.
 */
import { existsSync } from 'node:fs';
import type { Link } from '../client/link.js';
import { findRun } from '../client/list-runs.js';
import { readRun } from '../client/read-run.js';
import { prepareSet, type SetOptions } from '../client/workstreams/prepare-set.js';
import { compileForRun, startSet, type RunSetOptions } from '../client/workstreams/run-set.js';
import { withLandings } from '../record/landings.js';
import { readSetNote, setReportFiles } from '../record/set-report.js';
import { hasWorkstreams, reportOf } from '../workstream/report/from-record.js';
import { reportHtml } from '../workstream/report/html.js';
import { reportMarkdown } from '../workstream/report/markdown.js';
import { costText, fateOf, totalsOf } from '../workstream/report/report.js';
import { PlanwrightError } from '../client/errors.js';
import { paintOf, print, printJson, tellTo, withLink } from './command.js';
import { printProblems } from './errors.js';
import { programName } from './program-name.js';
import { labelled } from './report.js';
import { startAndFollow } from './start-and-follow.js';
import { oneLine } from './text/neutralise.js';
import { duration, plural } from './text/time.js';
import { pad } from './text/width.js';
import { toolWait } from './waits.js';
import { otherTools } from './workstream-lines.js';
import type { ExitCode, World } from './world.js';

export interface RunFlags extends RunSetOptions {
  readonly detach: boolean;
  readonly json: boolean;
}

export async function runSet(world: World, options: SetOptions, flags: RunFlags): Promise<ExitCode> {
  const prepared = await prepareSet(options);
  const compiled = await compileForRun(prepared, flags);
  const { set, selection, inForce } = prepared;
  const tell = tellTo(world);
  if (inForce.warnings.length > 0) await printProblems(world, inForce.warnings);
  if (set.malformed.length > 0)
    tell(`${plural(set.malformed.length, 'malformed file')} left out: planwright workstream validate`);
  for (const { id, reason } of selection.blocked) tell(`blocked: ${id}: ${reason}`);
  if (selection.countedAsMet.length > 0) tell(`taken as done: ${selection.countedAsMet.join(', ')}`);
  for (const line of otherTools(prepared)) tell(line);
  const isDry = compiled.plan.steps.some(({ work }) => work.kind === 'workstream' && work.dryRun);
  if (isDry) tell('a dry run: no tool is called, and nothing lands');
  return withLink(world, (link) => {
    const { json, detach } = flags;
    const start = () => startSet(link, prepared, compiled);
    const last = (runId: string): readonly string[] => [
      ...reportPlaces(world, link, runId),
      ...(isDry
        ? labelled([['Dry run', `${programName(world.env)} workstream show ${runId}`]], paintOf(world))
        : []),
    ];
    return startAndFollow(world, link, { plan: compiled.plan, start, json, detach, last });
  });
}

/** The lines that say where the report of a run lies; none where it has no workstreams. */
export function reportPlaces(world: World, { home }: Link, runId: string): readonly string[] {
  const { markdown, html } = setReportFiles(home, runId);
  if (!existsSync(html)) return [];
  return labelled(
    [
      ['Report ', html],
      ['', markdown],
    ],
    paintOf(world),
  );
}

export interface ReportFlags {
  readonly html: boolean;
  readonly json: boolean;
}

/** Prints the report of a run, of one that goes on as far as it is. */
export async function printReport(world: World, run: string, flags: ReportFlags): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const runId = await findRun(link, run);
    const { record } = await readRun(link, runId);
    mustHaveWorkstreams(runId, hasWorkstreams(record));
    const report = reportOf(withLandings(link.home, record), readSetNote(link.home, runId));
    if (flags.json) printJson(world, report);
    else world.out.write(flags.html ? reportHtml(report, world.now()) : reportMarkdown(report, world.now()));
    return 0;
  });
}

/** Shows the workstreams of a run, a line each. */
export async function showSet(world: World, run: string, json: boolean): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const runId = await findRun(link, run);
    const { record } = await readRun(link, runId);
    mustHaveWorkstreams(runId, hasWorkstreams(record));
    const report = reportOf(withLandings(link.home, record), readSetNote(link.home, runId));
    if (json) {
      printJson(world, report.workstreams);
      return 0;
    }
    const paint = paintOf(world);
    const now = world.now();
    const totals = totalsOf(report, now);
    const width = Math.max(0, ...report.workstreams.map(({ id }) => id.length));
    print(
      world,
      `${paint.bold(runId)}  ${report.state}: ${totals.landed} of ${totals.workstreams} landed, ${totals.quarantined} quarantined, ${totals.failed} failed, ${totals.blocked} blocked, ${duration(totals.tookMs)}`,
      ...(totals.costUsd === null && report.budget === null ? [] : [`  cost ${costText(report, totals)}`]),
      ...report.workstreams.flatMap((one) => {
        const fate = fateOf(one);
        const colour =
          fate === 'landed' || fate === 'succeeded'
            ? paint.green
            : fate === 'failed' || fate === 'quarantined'
              ? paint.red
              : paint.dim;
        const wait = toolWait(one.toolWait ?? undefined, now);
        const why = wait === null ? (one.reason ?? one.patch?.reason ?? '') : `waits for ${wait}`;
        const more = [...(one.notes ?? []), ...(one.leftOut?.texts ?? [])];
        return [
          `  ${pad(one.id, width)}  ${colour(pad(fate, 11))}  ${pad(one.tool, 8)}  ${paint.dim(oneLine(why))}`.trimEnd(),
          ...more.map((text) => `  ${pad('', width)}  ${paint.dim(oneLine(text))}`),
        ];
      }),
      ...(report.strays ?? []).map(
        ({ from, to, by, keptAs }) =>
          `${oneLine(by)} moved the branch to ${from.slice(0, 12)}; it was set back to ${to.slice(0, 12)}, and what it was is kept as ${keptAs}`,
      ),
    );
    return 0;
  });
}

function mustHaveWorkstreams(runId: string, has: boolean): void {
  if (has) return;
  throw new PlanwrightError('bad-request', `run "${runId}" has no workstreams`, [`planwright show ${runId}`]);
}
