/**
 * The run as the Web UI shows it: a few counts and a table of the steps that matter now.
 */
import type { RunHead, StepKind } from '../plan/record.js';
import type { Run } from '../plan/run.js';
import { describeFailure } from '../plan/view.js';
import type { StepState } from '../plan/step-state.js';

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
    ? 'paused'
    : head.cancel !== null && head.state === 'running'
      ? 'canceling'
      : head.state;
  return `${what}: ${parts.join(', ')}${head.message === null ? '' : ` — ${cell(head.message)}`}`;
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
      return run.plan.steps[index]!.work.kind === 'approval' ? 'waits for approval' : '';
    default:
      return '';
  }
}

/** Text from a plan must not break the table or bring markup of its own. */
const cell = (text: string): string =>
  text
    .replace(/[\\`*_{}[\]<>|#!]/g, (char) => `\\${char}`)
    .replace(/\s+/g, ' ')
    .slice(0, 160);
