/**
 * What a terminal shows of a run: as many lines as it has room for, and no more.
 */
import type { Notice } from '../../client/follow.js';
import type { LiveAttempt } from '../../plan/live.js';
import type { RunRecord, StepRecord } from '../../plan/record.js';
import type { Paint } from '../paint.js';
import { answerLine, questionsOf, type Question } from '../questions.js';
import { linesOf, oneLine } from '../text/neutralise.js';
import { count, duration, seconds } from '../text/time.js';
import { cut, cutPainted, fit, widthOf } from '../text/width.js';
import { leaseWait } from '../waits.js';
import { bar, countsLine } from './bar.js';
import { groupsOf, groupLine } from './groups.js';
import { columnsFor, layOut, stepLine } from './step-line.js';

export interface Board {
  readonly record: RunRecord;
  readonly live: ReadonlyMap<string, LiveAttempt>;
  readonly notice: Notice | null;
  /** Something to say below it all: "stopping …". */
  readonly footer: string | null;
  /** How the person calls us. */
  readonly program: string;
}

export interface Space {
  readonly columns: number;
  readonly rows: number;
}

/** The last column is left empty: in some terminals a character there already wraps the line. */
const widthIn = ({ columns }: Space): number => Math.max(10, columns - 1);

/** Returns the lines of one picture of the run, none wider than the terminal, together never higher. */
export function frame(board: Board, space: Space, now: number, paint: Paint): string[] {
  const width = widthIn(space);
  const head = headLines(board.record, now, width, paint);
  const foot = footLines(board, now, width, paint);
  const room = space.rows - 1 - head.length - foot.length - 1;
  const { steps } = board.record;
  const body =
    steps.length <= room ? listed(board, steps, width, now, paint) : overview(board, room, width, now, paint);
  const lines = [...head, '', ...body, ...foot].slice(0, Math.max(1, space.rows - 1));
  return lines.map((line) => cutPainted(line, width, paint.marks.ellipsis));
}

/** The run in two lines: what it is, how far it is. */
export function headLines(
  { plan, head, steps }: RunRecord,
  now: number,
  width: number,
  paint: Paint,
): string[] {
  const title = cut(oneLine(plan.planId), width - 1, paint.marks.ellipsis);
  const id = cut(head.runId, width - 3 - widthOf(title), paint.marks.ellipsis);
  const ended = steps.length - head.counts.pending - head.counts.running;
  const figures = ` ${count(ended)} of ${count(steps.length)}`;
  const since = head.startedAt ?? head.createdAt;
  const time = `  ${head.endedAt === null ? seconds(now - since) : duration(head.endedAt - since)}`;
  const state = head.paused ? `  ${paint.yellow('paused')}` : '';
  const barWidth = Math.min(40, width - 2 - widthOf(figures) - widthOf(time) - (head.paused ? 8 : 0));
  const drawn = barWidth < 5 ? '' : bar(head.counts, barWidth, paint);
  return [
    ` ${paint.bold(title)}${id === '' ? '' : `  ${paint.dim(id)}`}`,
    ` ${drawn}${figures}${paint.dim(time)}${state}`,
  ];
}

function listed(
  board: Board,
  steps: readonly StepRecord[],
  width: number,
  now: number,
  paint: Paint,
): string[] {
  const { plan } = board.record;
  const columns = columnsFor(
    plan.steps.map((step) => step.id),
    width,
  );
  const byId = new Map(plan.steps.map((step) => [step.id, step]));
  return steps.flatMap((record) => {
    const step = byId.get(record.id);
    return step === undefined
      ? []
      : [layOut(stepLine(step, record, board.live.get(step.id) ?? null, now, paint), columns, paint)];
  });
}

/** A plan that does not fit: counts, groups, what runs, what failed, what ended last. */
function overview(board: Board, room: number, width: number, now: number, paint: Paint): string[] {
  const { record } = board;
  const counts = [countsLine(record.head.counts, width, paint)];
  const left = room - counts.length - 1;
  if (left < 3) return counts.slice(0, Math.max(0, room));
  const groups = groupLines(record, Math.floor(left / 3), width, paint);
  const failed = newest(record.steps.filter((step) => step.state === 'failed'));
  const running = record.steps
    .filter((step) => step.state === 'running')
    .sort((a, b) => (a.launchedAt ?? 0) - (b.launchedAt ?? 0));
  const ended = newest(record.steps.filter((step) => step.state === 'succeeded'));
  // Each list has a line for what it hides and one to set it apart.
  const space = left - groups.length - 4;
  const shownFailed = Math.min(failed.length, Math.max(1, Math.floor(space / 4)));
  const shownRunning = Math.min(
    running.length,
    Math.max(1, space - shownFailed - Math.min(RECENT, Math.floor(space / 4))),
  );
  const shownEnded = Math.min(RECENT, Math.max(0, space - shownFailed - shownRunning));
  const rows = (list: readonly StepRecord[]): string[] => listed(board, list, width, now, paint);
  const lists = [
    [
      ...rows(running.slice(0, shownRunning)),
      ...more(running.length - shownRunning, 'running', width, paint),
    ],
    [...rows(failed.slice(0, shownFailed)), ...more(failed.length - shownFailed, 'failed', width, paint)],
    rows(ended.slice(0, shownEnded)),
  ].filter((list) => list.length > 0);
  const lines = lists.flatMap((list, index) => (index > 0 ? ['', ...list] : list));
  return [...counts, '', ...groups, ...lines].slice(0, Math.max(0, room));
}

/** What ended last is a sign of life, no more. */
const RECENT = 4;

const newest = (steps: readonly StepRecord[]): StepRecord[] =>
  [...steps].sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0));

const more = (hidden: number, what: string, width: number, paint: Paint): string[] =>
  hidden > 0 ? [paint.dim(cut(`   and ${count(hidden)} more ${what}`, width))] : [];

function groupLines(record: RunRecord, most: number, width: number, paint: Paint): string[] {
  const groups = groupsOf(record);
  if (groups.length < 2 || most < 2) return [];
  // Those at work first in what is shown, but in the order of the plan: nothing jumps about.
  const weight = ({ counts }: (typeof groups)[number]): number =>
    counts.running > 0 ? 0 : counts.failed > 0 ? 1 : counts.pending > 0 ? 2 : 3;
  const chosen = new Set(
    [...groups].sort((a, b) => weight(a) - weight(b)).slice(0, groups.length <= most ? most : most - 1),
  );
  const nameWidth = Math.min(24, Math.floor(width / 3), Math.max(...groups.map(({ name }) => widthOf(name))));
  const shown = groups
    .filter((group) => chosen.has(group))
    .map((group) => groupLine(group, nameWidth, width, paint));
  return [...shown, ...more(groups.length - chosen.size, 'groups', width, paint), ''];
}

function footLines(
  { record, notice, footer, program }: Board,
  now: number,
  width: number,
  paint: Paint,
): string[] {
  const lines: string[] = [];
  if (notice !== null)
    lines.push(paint.yellow(fit(` ${noticeText(notice, now)}`, width, paint.marks.ellipsis).trimEnd()));
  const wait = record.head.endedAt === null ? leaseWait(record.head.leases, now) : null;
  if (wait !== null)
    lines.push(
      paint.yellow(cut(` ${paint.marks.retry} the run waits for ${wait}`, width, paint.marks.ellipsis)),
    );
  for (const question of questionsOf(record).slice(0, 2)) {
    lines.push(
      ...askedLines(question, paint).map((line) => paint.yellow(cut(line, width, paint.marks.ellipsis))),
    );
    lines.push(cut(`   ${answerLine(question, record.head.runId, program)}`, width, paint.marks.ellipsis));
  }
  if (footer !== null && record.head.endedAt === null)
    lines.push(paint.yellow(cut(` ${footer}`, width, paint.marks.ellipsis)));
  return lines.length > 0 ? ['', ...lines] : [];
}

/** What is too long for the foot of a screen is whole in `show`. */
const MOST_ASKED = 8;

function askedLines({ message }: Question, { marks }: Paint): string[] {
  const all = linesOf(message);
  const shown = all.length <= MOST_ASKED ? all : all.slice(0, MOST_ASKED - 1);
  const lines = shown.map((line, at) => (at === 0 ? ` ${marks.ask} ${line.trim()}` : `   ${line}`));
  const more = all.length - shown.length;
  return more === 0 ? lines : [...lines, `   ${marks.ellipsis} ${more} more lines: planwright show`];
}

/** Says why nothing is heard of a run. */
export function noticeText(notice: Notice, now: number): string {
  const pastMs = now - notice.since;
  const since = pastMs < 1_000 ? '' : ` ${seconds(pastMs)}`;
  switch (notice.kind) {
    case 'no-worker':
      return `waiting for a worker …${since}`;
    case 'no-server':
      return `the server does not answer …${since}`;
    case 'stuck':
      return `stuck${since === '' ? '' : ` for${since}`}: the workflow's code has failed ${notice.attempts} times (planwright doctor)`;
    default:
      return notice satisfies never;
  }
}
