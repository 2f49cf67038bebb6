/**
 * The record of a closed run on disk: it answers when Temporal has forgotten the run.
 */
import { readFile } from 'node:fs/promises';
import { isMissing } from '../os/json-file.js';
import { eventsOf } from '../plan/events.js';
import type { QuarantineNote, RunHead, RunOrigin, RunRecord } from '../plan/record.js';
import { runFiles } from './layout.js';
import { writeSetReport } from './set-report.js';
import { writeWhole } from './whole-file.js';

/** How many steps are turned into text at once. */
const PAGE = 500;

/** A record without its steps: what a list shows. */
export interface RunSummary {
  readonly format: 1;
  readonly head: RunHead;
  readonly origin: RunOrigin;
  readonly planId: string;
  readonly version: string;
  readonly project: string;
  readonly phaseId: string;
}

/** A record that is there and cannot be read. */
export class UnreadableRecordError extends Error {
  override readonly name = 'UnreadableRecordError';
}

/**
 * Returns the record of a closed run, or null when there is none here. A quarantine is not in it: `underQuarantine`.
 *
 * @throws UnreadableRecordError when the file is damaged or of a later version
 */
export const readRecord = async (home: string, runId: string): Promise<RunRecord | null> =>
  (await readFormat(runFiles(home, runId).record)) as RunRecord | null;

/** Returns the record without its steps, or null when there is none here. */
export const readSummary = async (home: string, runId: string): Promise<RunSummary | null> =>
  (await readFormat(runFiles(home, runId).summary)) as RunSummary | null;

/** Returns the head as people see it: a run in quarantine says so, whatever it came to. */
export function underQuarantine(head: RunHead, note: QuarantineNote | null): RunHead {
  if (note === null) return head;
  return { ...head, state: 'quarantined', message: `quarantined by ${note.actor}: ${note.reason}` };
}

async function readFormat(file: string): Promise<{ readonly format: 1 } | null> {
  let text;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const value = parsed(text);
  if (typeof value === 'object' && value !== null && 'format' in value && value.format === 1)
    return { ...value, format: 1 };
  const found =
    typeof value === 'object' && value !== null && 'format' in value
      ? `format ${JSON.stringify(value.format)}`
      : 'damaged';
  throw new UnreadableRecordError(
    `"${file}" cannot be read: it is ${found}, and this version reads format 1`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Writes a closed run's record, its summary and its events. Replaces what is there, so writing twice does no harm.
 *
 * The record goes last: where it is, the others are too.
 */
export async function writeRecord(home: string, record: RunRecord): Promise<void> {
  const files = runFiles(home, record.head.runId);
  const { plan, head, origin } = record;
  const { planId, version, project, phaseId } = plan;
  const summary: RunSummary = { format: 1, head, origin, planId, version, project, phaseId };
  await writeWhole(files.summary, [`${JSON.stringify(summary, null, 2)}\n`]);
  await writeWhole(files.events, lines(eventsOf(record)));
  await writeSetReport(home, record);
  await writeWhole(files.record, recordText(record));
}

/** One step a line: a person can read it, and no piece is large. */
function* recordText({ head, origin, plan, steps }: RunRecord): Generator<string> {
  const { steps: planSteps, ...rest } = plan;
  yield `{"format":1,\n"head":${JSON.stringify(head)},\n"origin":${JSON.stringify(origin)},\n`;
  yield `"plan":${JSON.stringify(rest).slice(0, -1)},"steps":[\n`;
  yield* joined(planSteps);
  yield '\n]},\n"steps":[\n';
  yield* joined(steps);
  yield '\n]}\n';
}

function* joined(values: readonly unknown[]): Generator<string> {
  for (let from = 0; from < values.length; from += PAGE) {
    const page = values.slice(from, from + PAGE).map((value) => JSON.stringify(value));
    yield (from > 0 ? ',\n' : '') + page.join(',\n');
  }
}

function* lines(values: readonly unknown[]): Generator<string> {
  for (let from = 0; from < values.length; from += PAGE) {
    const page = values.slice(from, from + PAGE).map((value) => `${JSON.stringify(value)}\n`);
    yield page.join('');
  }
}
