/**
 * What a run asks a person now, and how it is answered.
 */
import type { Asked } from '../plan/approval.js';
import type { RunRecord } from '../plan/record.js';
import type { Paint } from './paint.js';
import { linesOf, oneLine } from './text/neutralise.js';
import { localTime, seconds } from './text/time.js';

export interface Question {
  readonly step: string;
  readonly message: string;
  readonly asked: Asked | null;
}

/** Returns the questions of a run that wait for an answer, in plan order. */
export function questionsOf({ plan, steps }: RunRecord): Question[] {
  const waiting = new Map(
    steps.flatMap((step) =>
      step.state === 'running' && !step.canceling ? [[step.id, step.asked ?? null] as const] : [],
    ),
  );
  return plan.steps.flatMap(({ id, work }) => {
    const asked = waiting.get(id);
    if (work.kind !== 'approval' || asked === undefined) return [];
    return [{ step: id, message: asked?.message ?? work.message, asked }];
  });
}

/** `23 h 59 m left, then "theirs"`; the empty text when the end is not known. */
export function timeLeft(asked: Asked | null, now: number): string {
  if (asked === null) return '';
  const { deadlineAt, defaultOnTimeout } = asked;
  const then = defaultOnTimeout === null ? '' : `, then "${defaultOnTimeout}"`;
  return `${seconds(Math.max(0, deadlineAt - now))} left${then}`;
}

/** Until when an answer counts, and what then; empty when that is not known. */
export const untilLines = (asked: Asked | null, now: number): string[] =>
  asked === null ? [] : [`until ${localTime(asked.deadlineAt)}: ${timeLeft(asked, now)}`];

/** The command that answers. */
export function answerLine({ step, asked }: Question, runId: string, program: string): string {
  const choice =
    asked === null || asked.choices.length === 0
      ? ''
      : ` --choice ${asked.choices.map(({ value }) => value).join('|')}`;
  return `${program} approve ${runId} ${step}${choice}`;
}

/**
 * A question as it stands: behind its opening when it is one line, else below it.
 *
 * @param indent - of the lines below
 */
export function asAsked(opening: string, { message }: Question, indent: string): string[] {
  const lines = linesOf(message);
  if (lines.length <= 1) return [`${opening}  ${lines[0]?.trim() ?? ''}`.trimEnd()];
  return [opening, ...lines.map((line) => (line === '' ? '' : `${indent}${line}`))];
}

/** The whole question, for `show`: the text, the choices, until when, how to answer. */
export function questionLines(record: RunRecord, program: string, now: number, paint: Paint): string[] {
  return questionsOf(record).flatMap((question) => {
    const { asked } = question;
    const width = Math.max(0, ...(asked?.choices ?? []).map(({ value }) => value.length));
    return [
      '',
      ...asAsked(`  ${paint.yellow(paint.marks.ask)} ${paint.bold(question.step)}`, question, '    '),
      ...(asked?.choices ?? []).map(
        ({ value, label }) =>
          `      ${value.padEnd(width)}${label === value ? '' : `  ${paint.dim(oneLine(label))}`}`,
      ),
      ...untilLines(asked, now).map((line) => paint.dim(`    ${line}`)),
      `    ${answerLine(question, record.head.runId, program)}`,
    ];
  });
}
