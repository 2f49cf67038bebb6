/**
 * One step of a run in one line.
 */
import { countsText } from '../../landing/counts.js';
import { causeText } from '../../plan/failure-words.js';
import { needsOf } from '../../plan/needs.js';
import type { LiveAttempt } from '../../plan/live.js';
import type { Step } from '../../plan/plan.js';
import type { Cause, StepRecord } from '../../plan/record.js';
import { describeFailure } from '../../plan/view.js';
import { cameTo } from '../items-text.js';
import { colourOf, type Paint } from '../paint.js';
import { timeLeft } from '../questions.js';
import { leaseWait, toolWait } from '../waits.js';
import { oneLine } from '../text/neutralise.js';
import { duration, seconds } from '../text/time.js';
import { cut, fit, padLeft, widthOf } from '../text/width.js';

/** What a line tells, before it is laid out. */
export interface StepLine {
  readonly mark: string;
  readonly id: string;
  readonly name: string;
  /** What is remarkable: why it failed, what it waits for. Empty for most steps. */
  readonly note: string;
  readonly time: string;
  readonly tone: (text: string) => string;
  /** Steps that are over, and well, step back. */
  readonly isQuiet: boolean;
}

export function stepLine(
  step: Step,
  record: StepRecord,
  live: LiveAttempt | null,
  now: number,
  paint: Paint,
): StepLine {
  const { marks } = paint;
  const base = {
    id: step.id,
    name: oneLine(step.name),
    tone: colourOf(paint, record.state),
    mark: marks[record.state],
    isQuiet: record.state !== 'running' && record.state !== 'failed',
  };
  const spent = timeSpent(record, now);
  if (record.state === 'running')
    return { ...base, ...runningLine(step, record, live, now, paint), time: seconds(spent) };
  const time = record.launchedAt === null || record.endedAt === null ? '' : duration(spent);
  return { ...base, note: endNote(record, step), time };
}

/** How long a step has been at work: of an ended one its attempts, first to last, by the worker's own clock. */
export function timeSpent({ launchedAt, endedAt, attempts }: StepRecord, now: number): number {
  if (launchedAt === null) return 0;
  const [first, last] = [attempts[0], attempts.at(-1)];
  if (endedAt !== null && first !== undefined && last !== undefined)
    return Math.max(0, last.endedAt - first.startedAt);
  return Math.max(0, (endedAt ?? now) - launchedAt);
}

function runningLine(
  step: Step,
  record: StepRecord,
  live: LiveAttempt | null,
  now: number,
  { marks, yellow }: Paint,
): Partial<StepLine> & { note: string } {
  if (record.canceling) return { note: 'stopping', tone: yellow };
  const wait = leaseWait(record.leases, now) ?? toolWait(record.toolWait, now);
  if (wait !== null) return { note: `waits for ${wait}`, mark: marks.retry, tone: yellow };
  if (step.work.kind === 'approval') {
    const left = timeLeft(record.asked ?? null, now);
    const what = (record.asked?.choices.length ?? 0) > 0 ? 'a choice' : 'approval';
    return { note: `waits for ${what}${left === '' ? '' : `, ${left}`}`, mark: marks.ask, tone: yellow };
  }
  const tries = step.retry.maxAttempts;
  if (live === null) return { note: '' };
  if (live.landing !== undefined) return { note: countsText(live.landing) || 'waits for patches' };
  const which = `attempt ${live.number} of ${tries}`;
  const why = live.lastFailure === null ? '' : `: ${oneLine(live.lastFailure)}`;
  if (live.state === 'backing-off') {
    const wait = live.nextAt === null ? '' : ` in ${seconds(Math.max(0, live.nextAt - now))}`;
    return { note: `${which}${wait}${why}`, mark: marks.retry, tone: yellow };
  }
  if (live.state === 'queued') {
    const where = step.runsOn === null ? '' : ` "${step.runsOn}"`;
    return { note: `waits for a worker${where}`, tone: yellow };
  }
  return { note: live.number > 1 ? which : '' };
}

function endNote(record: StepRecord, step: Step): string {
  const tolerated = record.tolerated ? ', and the run goes on' : '';
  if (record.failure !== null) {
    const tries = record.attempts.length + record.attemptsOmitted;
    const times = tries > 1 ? `, ${tries} times` : '';
    return oneLine(describeFailure(record.failure)) + times + tolerated;
  }
  if (record.cause !== null) return oneLine(shortCause(record.cause, step)) + tolerated;
  if (record.reusedFrom !== null) return 'kept from the earlier run';
  const { choice, approved_by: by } = record.asked === undefined ? {} : record.outputs;
  if (typeof choice === 'string' && typeof by === 'string') return `"${choice}" by ${oneLine(by)}`;
  const tries = record.attempts.length + record.attemptsOmitted;
  return tries > 1 && step.work.kind === 'command' ? `at attempt ${tries}` : cameTo(step, record);
}

/** Every canceled step of an aborted run would tell the same long story: one word does. */
function shortCause(cause: Cause, step: Step): string {
  switch (cause.kind) {
    case 'aborted':
      return `after ${cause.step} failed`;
    case 'run-canceled':
      return 'run canceled';
    case 'condition': {
      const needs = needsOf(step);
      return needs.length === 0 ? 'condition is false' : `blocked: needs ${needs.join(', ')}`;
    }
    case 'dependency':
      return `needs ${cause.step}`;
    case 'unused-fallback':
      return `not needed: fallback of ${cause.step}`;
    default:
      return causeText(cause);
  }
}

export interface Columns {
  readonly width: number;
  readonly id: number;
}

/** Names longer than this are cut rather than push everything else aside. */
const LONGEST_ID = 32;
const TIME = 8;
const NARROW = 60;

/** Returns how wide the columns of a list of steps are. */
export function columnsFor(ids: readonly string[], width: number): Columns {
  const longest = ids.reduce((most, id) => Math.max(most, id.length), 4);
  const most = width < NARROW ? width - 3 - TIME - 1 : Math.min(LONGEST_ID, Math.floor(width / 3));
  return { width, id: Math.max(4, Math.min(longest, most)) };
}

/** Lays a line out: mark, id, name and note, time at the right. Never wider than `width`. */
export function layOut(line: StepLine, { width, id: idWidth }: Columns, paint: Paint): string {
  const { ellipsis } = paint.marks;
  const id = fit(line.id, idWidth, ellipsis);
  const mark = line.tone(line.mark);
  const time = padLeft(line.time, TIME);
  const middle = width - 3 - idWidth - 2 - TIME - 1;
  const head = ` ${mark} ${line.isQuiet && line.time === '' ? paint.dim(id) : id}`;
  // On a narrow terminal the remark is worth more than the time, the name less than both.
  if (middle < 8) {
    if (line.note === '') return `${head} ${paint.dim(time)}`;
    return `${head} ${line.tone(cut(line.note, width - 4 - idWidth, ellipsis))}`;
  }
  return `${head}  ${middleOf(line, middle, paint)} ${paint.dim(time)}`;
}

function middleOf(line: StepLine, width: number, paint: Paint): string {
  const { ellipsis } = paint.marks;
  const name = line.name === line.id ? '' : line.name;
  if (line.note === '') return paint.dim(fit(name, width, ellipsis));
  // Remarks stand in one column with the times: they are what one looks for.
  const note = cut(line.note, width, ellipsis);
  const room = width - widthOf(note) - 2;
  if (room < 8) return line.tone(padLeft(note, width));
  return `${paint.dim(fit(name, room, ellipsis))}  ${line.tone(note)}`;
}
