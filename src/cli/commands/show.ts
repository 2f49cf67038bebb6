/**
 * `planwright show`: everything about one run that a person asks first.
 */
import type { Command } from 'commander';
import { findRun } from '../../client/list-runs.js';
import { readRun } from '../../client/read-run.js';
import { runStatus, stepAttempts, type RunView } from '../../client/views.js';
import { webUiIfThere } from '../../client/web-ui.js';
import { dollars } from '../../plan/budget.js';
import type { RunHead, StepRecord } from '../../plan/record.js';
import { underQuarantine } from '../../record/run-record.js';
import { examples, paintOf, print, printJson, withLink, type Host } from '../command.js';
import { addJson } from '../options.js';
import type { Paint } from '../paint.js';
import { bar, countsLine } from '../progress/bar.js';
import { groupLine, groupsOf } from '../progress/groups.js';
import { columnsFor, layOut, stepLine } from '../progress/step-line.js';
import { questionLines } from '../questions.js';
import { failureLines, nextLines, verdictLine } from '../report.js';
import { programName } from '../program-name.js';
import { oneLine } from '../text/neutralise.js';
import { count, duration, localTime } from '../text/time.js';
import { widthOf } from '../text/width.js';
import { leaseWait, takenLeases } from '../waits.js';
import type { ExitCode, World } from '../world.js';

export function define(command: Command, { world, exit }: Host): void {
  command
    .argument('<run>', 'id of a run, a part of it, or "last"')
    .option('--all', 'list all steps, however many they are', false);
  addJson(command).action(async (run: string, options: Options) => exit(await show(world, run, options)));
  examples(command, 'planwright show last', 'planwright show last --json');
}

interface Options {
  readonly all: boolean;
  readonly json: boolean;
}

/** More steps than a person reads: what failed and what runs is listed, the rest summed up. */
const MOST_STEPS = 200;

async function show(world: World, run: string, { all, json }: Options): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const view = await readRun(link, await findRun(link, run));
    if (json) {
      printJson(world, { ...runStatus(view), steps: stepAttempts(view) });
      return 0;
    }
    const webUi = await webUiIfThere(link, view.record.head.runId);
    const paint = paintOf(world);
    const { record } = view;
    print(
      world,
      ...headLines(view, world.now(), paint),
      '',
      ...stepLines(world, view, all, paint),
      ...questionLines(record, programName(world.env), world.now(), paint),
      ...failureLines(record, { home: link.home, paint }),
      '',
      ...nextLines(record, { home: link.home, paint, program: programName(world.env), webUi }, true),
    );
    return 0;
  });
}

const BAR = 30;
/** Of a list that goes into a file. */
const WIDTH = 100;

function headLines({ record, quarantine }: RunView, now: number, paint: Paint): string[] {
  const { plan, origin } = record;
  const head = underQuarantine(record.head, quarantine);
  const fact = (label: string, text: string): string => `${paint.dim(label.padEnd(8))} ${text}`;
  return [
    `${paint.bold(oneLine(plan.planId))} ${oneLine(plan.version)}  ${paint.dim(head.runId)}`,
    ...(plan.description === '' ? [] : [paint.dim(oneLine(plan.description))]),
    '',
    verdictLine(head, paint),
    `${bar(head.counts, BAR, paint)} ${countsLine(head.counts, Infinity, paint)}`,
    '',
    fact('plan', oneLine(origin.planPath)),
    fact('root', oneLine(origin.root)),
    fact('started', `${localTime(head.startedAt ?? head.createdAt)} by ${oneLine(origin.actor)}`),
    ...(head.endedAt === null ? [] : [fact('ended', localTime(head.endedAt))]),
    ...(origin.retryOf === null ? [] : [fact('retry of', origin.retryOf)]),
    ...(origin.parentRun === null ? [] : [fact('part of', origin.parentRun)]),
    ...leaseFacts(head, now).map((text) => fact('lease', text)),
    ...budgetFacts(head).map((text) => fact('cost', text)),
  ];
}

/** The leases of the run as a whole: waited for, or held. */
function leaseFacts({ leases, endedAt }: RunHead, now: number): string[] {
  const wait = endedAt === null ? leaseWait(leases, now) : null;
  const held = (leases ?? []).flatMap(({ name, askedAt, grantedAt }) =>
    grantedAt === null
      ? []
      : [`"${oneLine(name)}", after ${duration(Math.max(0, grantedAt - askedAt))} of waiting`],
  );
  return [...held, ...(wait === null ? [] : [`waits for ${wait}`]), ...takenLeases(leases)];
}

/** What was spent, of a run whose tools say what they cost or that has a limit. */
function budgetFacts({ budget }: RunHead): string[] {
  if (budget === undefined || (budget.maxUsd === null && budget.spentUsd === 0)) return [];
  const { spentUsd, maxUsd, exceededAt, mode } = budget;
  const limit = maxUsd === null ? '' : ` of ${dollars(maxUsd)}`;
  const over = exceededAt === null ? '' : mode === 'halt' ? ': no further work is started' : ': used up';
  return [`${dollars(spentUsd)}${limit}${over}`];
}

function stepLines(world: World, { record, live }: RunView, all: boolean, paint: Paint): string[] {
  const width = world.out.isTerminal ? world.out.size().columns - 1 : WIDTH;
  const columns = columnsFor(
    record.plan.steps.map((step) => step.id),
    width,
  );
  const byId = new Map(record.steps.map((step) => [step.id, step]));
  const isShort = all || record.steps.length <= MOST_STEPS;
  const isShown = ({ state }: StepRecord): boolean => isShort || state === 'failed' || state === 'running';
  const lines = record.plan.steps.flatMap((step) => {
    const own = byId.get(step.id);
    if (own === undefined || !isShown(own)) return [];
    const line = layOut(
      stepLine(step, own, live.get(step.id) ?? null, world.now(), paint),
      columns,
      paint,
    ).trimEnd();
    return own.childRun === null
      ? [line]
      : [line, paint.dim(`     ${paint.marks.arrow} ${programName(world.env)} show ${own.childRun}`)];
  });
  if (isShort) return lines;
  const groups = groupsOf(record);
  const nameWidth = Math.min(24, Math.max(...groups.map(({ name }) => widthOf(name))));
  return [
    ...groups.slice(0, MOST_GROUPS).map((group) => groupLine(group, nameWidth, width, paint)),
    ...(groups.length > MOST_GROUPS ? [paint.dim(` and ${groups.length - MOST_GROUPS} more groups`)] : []),
    '',
    ...lines.slice(0, MOST_STEPS),
    ...(lines.length > MOST_STEPS
      ? [paint.dim(` and ${lines.length - MOST_STEPS} more that failed or run`)]
      : []),
    paint.dim(` --all lists all ${count(record.steps.length)} steps`),
  ];
}

const MOST_GROUPS = 20;
