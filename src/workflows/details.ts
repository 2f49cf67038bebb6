/**
 * The run as the Web UI shows it: a few counts and a table of the steps that matter now.
 */
import type { Asked } from '../plan/approval.js';
import { describeWait, waitedFor } from '../plan/lease-use.js';
import { pausedText } from '../plan/cancel-words.js';
import type { RunHead, StepKind } from '../plan/record.js';
import type { Run } from '../plan/run.js';
import { askedNow, describeFailure } from '../plan/view.js';
import type { StepState } from '../plan/step-state.js';
import { cell } from './markdown.js';

/** Rows of the table: enough for most plans, short enough to read. */
const ROWS = 40;

const marks: Readonly<Record<StepKind, string>> = {
  pending: '·',
  running: '▶',
  succeeded: '✔',
  failed: '✖',
  skipped: '–',
  canceled: '◼',
};

/** Returns Markdown. Small plans are listed whole; of large ones what runs, then what failed, then what is next. */
export function detailsOf(run: Run, head: RunHead): string {
  const shown = rowsOf(run);
  const rows = shown.map((index) => {
    const state = run.states[index]!;
    const { id, name } = run.plan.steps[index]!;
    return `| ${marks[state.kind]} ${state.kind} | \`${id}\` | ${cell(name)} | ${cell(noteOf(run, index, state))} |`;
  });
  const left = run.states.length - shown.length;
  return [
    `**${cell(run.plan.planId)}** — ${headline(head)}`,
    '',
    '| state | step | name | note |',
    '| --- | --- | --- | --- |',
    ...rows,
    ...(left > 0 ? ['', `… and ${left} more steps`] : []),
  ].join('\n');
}

function headline(head: RunHead): string {
  const parts = Object.entries(head.counts).flatMap(([kind, count]) =>
    count > 0 ? [`${count} ${kind}`] : [],
  );
  const what = head.paused
    ? cell(pausedText(head.pausedBy))
    : head.cancel !== null && head.state === 'running'
      ? 'canceling'
      : head.state;
  const wait = waitedFor(head.leases);
  const waiting = wait === null ? '' : ` — waits for ${cell(describeWait(wait))}`;
  return `${what}: ${parts.join(', ')}${waiting}${head.message === null ? '' : ` — ${cell(head.message)}`}`;
}

function rowsOf(run: Run): number[] {
  const all = [...run.states.keys()];
  if (all.length <= ROWS) return all;
  const rank = (kind: StepKind): number =>
    ['running', 'failed', 'canceled', 'pending', 'skipped', 'succeeded'].indexOf(kind);
  const buckets: number[][] = [[], [], [], [], [], []];
  run.states.forEach((state, index) => buckets[rank(state.kind)]!.push(index));
  return buckets.flat().slice(0, ROWS);
}

function noteOf(run: Run, index: number, state: StepState): string {
  const tolerated = run.tolerated[index] ? ' (tolerated)' : '';
  switch (state.kind) {
    case 'failed':
      return describeFailure(state.outcome.failure) + tolerated;
    case 'skipped':
    case 'canceled':
      return (
        ('step' in state.cause ? `${state.cause.kind}: ${state.cause.step}` : state.cause.kind) + tolerated
      );
    case 'running':
      if (state.stop !== null) return 'stopping';
      if (waitedFor(run.leases.get(index)) !== null)
        return `waits for ${describeWait(waitedFor(run.leases.get(index))!)}`;
      return questionOf(askedNow(run, index));
    default:
      return '';
  }
}

/** What a person must know who looks at the Web UI only: what is asked, what can be said, and until when. */
function questionOf(asked: Asked | null): string {
  if (asked === null) return '';
  const { message, choices, deadlineAt, defaultOnTimeout } = asked;
  const until = new Date(deadlineAt).toISOString().slice(0, 16).replace('T', ' ');
  const values = choices.map(({ value }) => value).join(', ');
  const silence = defaultOnTimeout === null ? '' : `, then "${defaultOnTimeout}"`;
  const rest = `${values === '' ? '' : ` (${values})`}, until ${until} UTC${silence}`;
  return `waits for ${values === '' ? 'approval' : 'a choice'}${rest}: ${message}`;
}
