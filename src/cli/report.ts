/**
 * What remains on the screen when a run has ended: how it went, why it failed, what to do next.
 */
import { failureTail } from '../plan/failure-words.js';
import type { Attempt } from '../plan/attempt.js';
import type { Plan, Step } from '../plan/plan.js';
import { pausedText } from '../plan/cancel-words.js';
import type { RunHead, RunRecord, StepRecord } from '../plan/record.js';
import { commandFor } from '../plan/references.js';
import { describeFailure } from '../plan/view.js';
import { runFiles } from '../record/layout.js';
import { join } from 'node:path';
import type { Paint } from './paint.js';
import { neutralise, oneLine } from './text/neutralise.js';
import { duration, plural } from './text/time.js';

export interface ReportWorld {
  readonly home: string;
  readonly paint: Paint;
  /** How the person calls us. */
  readonly program: string;
  readonly webUi: string | null;
}

const TAIL_LINES = 12;

/** Returns the lines that end `start`, `watch` and `retry`. */
export function finalReport(
  { record, quarantined }: { record: RunRecord; quarantined?: boolean },
  world: ReportWorld,
): string[] {
  const { head } = record;
  const { paint } = world;
  return [
    '',
    verdictLine(quarantined === true ? { ...head, state: 'quarantined' } : head, paint),
    ...warningLines(record, paint),
    ...summaryLines(record),
    ...failureLines(record, world),
    '',
    ...nextLines(record, world),
  ];
}

/** `✔ succeeded in 12 s` */
export function verdictLine(head: RunHead, paint: Paint): string {
  const spent = duration((head.endedAt ?? head.createdAt) - (head.startedAt ?? head.createdAt));
  const message = head.message === null ? '' : `: ${oneLine(head.message)}`;
  switch (head.state) {
    case 'succeeded':
      return `${paint.green(paint.marks.succeeded)} ${paint.bold('succeeded')} in ${spent}`;
    case 'failed':
      return `${paint.red(paint.marks.failed)} ${paint.bold('failed')} after ${spent}${message}`;
    case 'canceled':
      return `${paint.yellow(paint.marks.canceled)} ${paint.bold('canceled')} after ${spent}${message.replace(/^: canceled by/, ' by')}`;
    case 'quarantined':
      return `${paint.yellow(paint.marks.canceled)} ${paint.bold('quarantined')}${message}`;
    case 'pending':
    case 'running':
      return `${paint.blue(paint.marks.running)} ${paint.bold(head.paused ? oneLine(pausedText(head.pausedBy)) : head.state)}`;
    default:
      return head.state satisfies never;
  }
}

const MOST_SUMMARIES = 5;

/** What steps say themselves of what they came to: an output called `summary`. The last few, where there are many. */
function summaryLines({ plan, steps }: RunRecord): string[] {
  const outputsOf = new Map(steps.map((step) => [step.id as string, step.outputs]));
  const said = plan.steps.flatMap(({ id }) => {
    const summary = outputsOf.get(id)?.['summary'];
    return typeof summary === 'string' && summary.trim() !== '' ? [`  ${oneLine(summary)}`] : [];
  });
  return said.slice(-MOST_SUMMARIES);
}

/** Says what a success passed over. */
function warningLines({ head }: RunRecord, paint: Paint): string[] {
  if (head.state !== 'succeeded') return [];
  const parts = [
    ...(head.toleratedFailures > 0 ? [`${plural(head.toleratedFailures, 'failure')} tolerated`] : []),
    ...(head.counts.failed > head.toleratedFailures
      ? [
          `${plural(head.counts.failed - head.toleratedFailures, 'step')} failed that ${head.counts.failed - head.toleratedFailures === 1 ? 'was' : 'were'} not critical`,
        ]
      : []),
    ...(head.counts.skipped > 0 ? [`${plural(head.counts.skipped, 'step')} skipped`] : []),
  ];
  return parts.length > 0 ? [paint.yellow(`  ${parts.join(', ')}`)] : [];
}

/** Returns the step that a failed run failed by. */
export function failedStep({
  head,
  plan,
  steps,
}: RunRecord): { readonly step: Step; readonly record: StepRecord } | null {
  const id = head.failedStep ?? head.abortedBy;
  const record =
    steps.find((one) => one.id === id) ?? steps.find((one) => one.state === 'failed' && !one.tolerated);
  const step = plan.steps.find((one) => one.id === record?.id);
  return record === undefined || step === undefined || record.state !== 'failed' ? null : { step, record };
}

/** Says which step failed, why, its last lines, and where all of them are. */
export function failureLines(
  record: RunRecord,
  { home, paint }: Pick<ReportWorld, 'home' | 'paint'>,
): string[] {
  if (record.head.state === 'succeeded') return [];
  const found = failedStep(record);
  if (found === null || found.record.failure === null) return [];
  const { step, record: stepRecord } = found;
  const { failure, attempts } = stepRecord;
  if (failure === null) return [];
  const others = record.steps.filter((one) => one.state === 'failed' && !one.tolerated && one.id !== step.id);
  const name = step.name === step.id ? '' : `  ${oneLine(step.name)}`;
  const tail = neutralise(failureTail(failure))
    .split('\n')
    .slice(-TAIL_LINES)
    .filter((line, _, all) => all.length > 1 || line !== '');
  return [
    '',
    `  ${paint.bold(step.id)}${paint.dim(name)}`,
    `  ${paint.red(oneLine(describeFailure(failure)))}${attempts.length > 1 ? paint.dim(`, the last of ${attempts.length} attempts`) : ''}`,
    ...(step.work.kind === 'command'
      ? [paint.dim(`  ${commandLine(step.work.command, argsOf(record, step))}`)]
      : []),
    ...tail.map((line) => `  ${paint.dim(paint.marks.gutter)} ${line}`),
    ...logLines(home, record, attempts.at(-1) ?? null, paint),
    ...(others.length > 0
      ? [
          paint.dim(
            `  also failed: ${others
              .slice(0, 8)
              .map(({ id }) => id)
              .join(', ')}${others.length > 8 ? ` and ${others.length - 8} more` : ''}`,
          ),
        ]
      : []),
  ];
}

/** The arguments as the command was given them: outputs of earlier steps put in, where they are known. */
function argsOf({ plan, steps }: RunRecord, { work }: Step): readonly string[] {
  if (work.kind !== 'command') return [];
  const filled = commandFor(plan, work, ({ step, output }) => {
    const outputs = steps.find(({ id }) => id === step)?.outputs ?? {};
    return Object.hasOwn(outputs, output) ? outputs[output] : undefined;
  });
  return filled.kind === 'impossible' ? work.args : filled.work.args;
}

const COMMAND_LENGTH = 160;

/** For the eye only: what is run is a list of arguments, not this line. */
function commandLine(command: string, args: readonly string[]): string {
  const words = [command, ...args].map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word}'`));
  const line = oneLine(words.join(' '));
  return line.length > COMMAND_LENGTH ? `${line.slice(0, COMMAND_LENGTH)}…` : line;
}

function logLines(home: string, { head }: RunRecord, last: Attempt | null, paint: Paint): string[] {
  const logs = last?.logs ?? null;
  if (logs === null) return [];
  const stream = logs.stderrBytes > 0 ? logs.stderr : logs.stdout;
  return [paint.dim(`  whole log: ${join(runFiles(home, head.runId).directory, stream)}`)];
}

/** The commands and links that are of use now. */
export function nextLines(
  record: RunRecord,
  { paint, webUi, program }: ReportWorld,
  shown = false,
): string[] {
  const { runId, state, endedAt } = record.head;
  const failed = failedStep(record);
  const isOver = endedAt !== null;
  const hasOutput = failed !== null && failed.record.attempts.some(({ logs }) => logs !== null);
  const output = hasOutput ? `${runId} ${failed.step.id}` : shown ? runId : null;
  return labelled(
    [
      ['Web UI', webUi],
      ['Details', shown ? null : `${program} show ${runId}`],
      ['Output', output === null ? null : `${program} logs ${output}`],
      ['Follow', isOver ? null : `${program} watch ${runId}`],
      ['Cancel', isOver ? null : `${program} cancel ${runId}`],
      ['Again', isOver && state !== 'succeeded' ? `${program} retry ${runId}` : null],
    ],
    paint,
  );
}

/** Lines of a label and a text each; those without a text are left out. */
export function labelled(entries: readonly (readonly [string, string | null])[], paint: Paint): string[] {
  const shown = entries.flatMap(([label, text]) => (text === null ? [] : [[label, text] as const]));
  const width = Math.max(0, ...shown.map(([label]) => label.length));
  return shown.map(([label, text]) => `${paint.dim(label.padEnd(width))}  ${text}`);
}

/** `4 steps, 2 at once` */
export const planLine = (plan: Plan): string =>
  `${plural(plan.steps.length, 'step')}, ${plan.maxConcurrency === 1 ? 'one at a time' : `at most ${plan.maxConcurrency} at once`}`;
