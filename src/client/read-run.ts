/**
 * Reads one run: from its record when it is closed, from its workflows while it is open.
 */
import type { Client } from '@temporalio/client';
import type { RunRecord } from '../plan/record.js';
import { buildRecord } from '../record/build-record.js';
import { keepLandings } from '../record/landings.js';
import { readQuarantine } from '../record/notes.js';
import { readRecord, UnreadableRecordError, writeRecord } from '../record/run-record.js';
import { PlanwrightError } from './errors.js';
import { isNotFound, isSilence } from './follow.js';
import type { Link } from './link.js';
import { RunWatch } from './run-watch.js';
import type { RunView } from './views.js';

/** A person waits for the answer. */
const ANSWER_MS = 10_000;

/**
 * Returns all that is known of a run.
 *
 * @throws PlanwrightError `no-such-run`, `server-unreachable`, `no-worker` or `unreadable-record`
 */
export async function readRun(link: Link, runId: string): Promise<RunView> {
  const record = await recordOnDisk(link, runId);
  if (record !== null) return closed(link, record);
  const client = await link.clientIfThere();
  if (client === null) throw serverNeeded(runId);
  const watch = new RunWatch(client, runId);
  const { isOpen, live } = await described(watch, runId);
  if (!isOpen) return closed(link, await finalRecord(link, client, runId));
  await answered(runId, () => watch.refresh(ANSWER_MS));
  // A run that still receives its plan has nothing to show, but it is there.
  if (watch.record === null)
    throw new PlanwrightError('no-worker', `run "${runId}" is still receiving its plan`, [
      'try again in a moment',
    ]);
  const landings = await watch.landings(ANSWER_MS);
  return { record: watch.record, live: new Map([...live, ...landings]), quarantine: null };
}

const closed = (link: Link, record: RunRecord): RunView => ({
  record,
  live: new Map(),
  quarantine: readQuarantine(link.home, record.head.runId),
});

/** Returns the record that is on this machine, or null. */
export async function recordOnDisk(link: Pick<Link, 'home'>, runId: string): Promise<RunRecord | null> {
  try {
    return await readRecord(link.home, runId);
  } catch (error) {
    if (!(error instanceof UnreadableRecordError)) throw error;
    throw new PlanwrightError(
      'unreadable-record',
      error.message,
      ['a newer version of Planwright may have written it'],
      { cause: error },
    );
  }
}

/** Returns the record of a closed run; one that nobody wrote (a terminated run) is built and kept. */
export async function finalRecord(
  link: Pick<Link, 'home'>,
  client: Client,
  runId: string,
): Promise<RunRecord> {
  const written = await recordOnDisk(link, runId);
  if (written !== null) return written;
  const record = await answered(runId, () => buildRecord(client, runId, link.home));
  // Who asks wants the answer, also where there is no room to keep it: it can be built again.
  await keepLandings(client, link.home, record).catch(() => undefined);
  await writeRecord(link.home, record).catch(() => undefined);
  return record;
}

async function described(watch: RunWatch, runId: string): ReturnType<RunWatch['describe']> {
  try {
    return await watch.describe(ANSWER_MS);
  } catch (error) {
    if (isNotFound(error)) throw noSuchRun(runId, error);
    throw error;
  }
}

/** Turns the silence of a question into words. */
export async function answered<T>(runId: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (isNotFound(error)) throw noSuchRun(runId, error);
    if (!isSilence(error)) throw error;
    throw new PlanwrightError(
      'no-worker',
      `run "${runId}" does not answer: no worker is there, or it is busy`,
      [
        'planwright up        starts a worker where none is',
        'planwright doctor    says what is in force',
        `planwright cancel ${runId} --force    ends it without asking it`,
      ],
      { cause: error },
    );
  }
}

export const noSuchRun = (runId: string, cause?: unknown): PlanwrightError =>
  new PlanwrightError('no-such-run', `there is no run "${runId}"`, ['planwright list    shows the runs'], {
    cause,
  });

const serverNeeded = (runId: string): PlanwrightError =>
  new PlanwrightError(
    'server-unreachable',
    `run "${runId}" has no record yet, and the Temporal server that knows it does not run`,
    ['planwright up    starts it: open runs go on'],
  );
