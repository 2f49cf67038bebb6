/**
 * What an attempt of a job leaves at the job's own paths: a log, and an error report when it did not succeed.
 *
 * Each attempt keeps files of its own; the names that the job says always stand for the newest.
 */
import {
  closeSync,
  createReadStream,
  createWriteStream,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { exitCodeOf } from '../../job/exit-code.js';
import { reportNamed, totalsInReport, totalsInText, type TestTotals } from '../../job/test-totals.js';
import { runDirectory } from '../../home.js';
import type { Attempt } from '../../plan/attempt.js';
import { rfc3339 } from '../../plan/event.js';
import type { JobCall } from '../../plan/plan.js';
import { describeFailure } from '../../plan/view.js';
import type { CommandTask } from '../api.js';

/** Writes the files of an attempt that has ended. Safe to run twice: it replaces them. Throws what the disk says. */
export async function reportAttempt(
  home: string,
  task: CommandTask,
  call: JobCall,
  attempt: Attempt,
): Promise<void> {
  const { root, runId } = task;
  const directory = runDirectory(home, runId);
  const stdout = attempt.logs === null ? null : join(directory, attempt.logs.stdout);
  const stderr = attempt.logs === null ? null : join(directory, attempt.logs.stderr);
  const log = namesOf(resolve(root, call.logFile), call, attempt.number);
  await mkdir(dirname(log.own), { recursive: true });
  rmSync(log.own, { force: true });
  await writeText(log.own, header(task, call, attempt));
  await append(log.own, 'stdout', stdout);
  await append(log.own, 'stderr', stderr);
  await writeText(log.own, ending(attempt));
  keepForeign(log.newest, task.runId, isLog);
  stand(log.own, log.newest);
  const report = namesOf(resolve(root, call.errorReport), call, attempt.number);
  if (attempt.end.kind !== 'failed') {
    if (isReport(startOf(report.newest))) rmSync(report.newest, { force: true }); // of an attempt before this one, which has its own
    return;
  }
  await mkdir(dirname(report.own), { recursive: true });
  rmSync(report.own, { force: true });
  await writeText(
    report.own,
    `${JSON.stringify(await errorReport(task, call, attempt, stdout, stderr), null, 2)}\n`,
  );
  keepForeign(report.newest, task.runId, isReport);
  stand(report.own, report.newest);
}

const isLog = (text: string): boolean => text.startsWith('job ');
const isReport = (text: string): boolean => /^\s*\{\s*"job_id"/.test(text);

/** A job may name any file. One that is not ours to replace is kept beside it. */
function keepForeign(file: string, runId: string, isOurs: (text: string) => boolean): void {
  const text = startOf(file);
  if (text !== '' && !isOurs(text)) renameSync(file, `${file}.before-${runId}`);
}

/** Returns how a file begins; of none, and of what is no file, an empty text. */
function startOf(file: string): string {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return '';
  const handle = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(64);
    return buffer.toString('latin1', 0, readSync(handle, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(handle);
  }
}

/** `x.log` and `x.attempt-2.log`; what is run again under its id has `x.run-2.attempt-1.log`. */
function namesOf(
  newest: string,
  { runsBefore }: JobCall,
  attempt: number,
): { readonly own: string; readonly newest: string } {
  const run = runsBefore === 0 ? '' : `.run-${runsBefore + 1}`;
  const own = newest.replace(
    /((?:\.error)?\.[A-Za-z0-9]+)?$/,
    (ending) => `${run}.attempt-${attempt}${ending}`,
  );
  return { own, newest };
}

/** Lets a name stand for a file, whole from one moment to the next. */
function stand(own: string, newest: string): void {
  const fresh = `${newest}.${process.pid}.new`;
  rmSync(fresh, { force: true });
  linkSync(own, fresh);
  renameSync(fresh, newest);
  rmSync(fresh, { force: true }); // renaming one link of a file to another of its links does nothing
}

function header({ root, work, runId }: CommandTask, call: JobCall, attempt: Attempt): string {
  const rows: readonly (readonly [string, string])[] = [
    ['job', call.id],
    ['tool', call.tool],
    ['workstream', call.workstream],
    ['run', call.runName],
    ['attempt', String(attempt.number)],
    ['command', commandText([work.command, ...work.args])],
    ['directory', resolve(root, work.cwd)],
    ['started', rfc3339(attempt.startedAt)],
    ['engine run', runId],
  ];
  return `${rows.map(([name, value]) => `${name.padEnd(11)} ${value}`).join('\n')}\n`;
}

const MOST_OF_A_COMMAND = 4_000;
const commandText = (words: readonly string[]): string => {
  const text = words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');
  return text.length > MOST_OF_A_COMMAND ? `${text.slice(0, MOST_OF_A_COMMAND)}…` : text;
};

async function append(log: string, name: string, from: string | null): Promise<void> {
  await writeText(log, `\n--- ${name} ---\n`);
  if (from === null) return;
  await pipeline(createReadStream(from), createWriteStream(log, { flags: 'a' }));
}

function ending({ end, endedAt, startedAt }: Attempt): string {
  const took = `${((endedAt - startedAt) / 1000).toFixed(1)} s`;
  const text =
    end.kind === 'succeeded'
      ? '--- exit code 0 ---'
      : end.kind === 'canceled'
        ? '--- CANCELLED ---'
        : end.failure.reason === 'timed-out'
          ? `--- TIMEOUT: it did not end within ${end.failure.afterSec} s ---`
          : end.failure.reason === 'exit-code'
            ? `--- exit code ${end.failure.exitCode} ---`
            : `--- ERROR: ${describeFailure(end.failure)} ---`;
  return `\n${text}\nended ${rfc3339(endedAt)} after ${took}\n`;
}

const writeText = async (file: string, text: string): Promise<void> => {
  await pipeline([text], createWriteStream(file, { flags: 'a' }));
};

const DETAIL_LINES = 20;
const MOST_READ = 1024 * 1024;

async function errorReport(
  task: CommandTask,
  call: JobCall,
  attempt: Attempt,
  stdout: string | null,
  stderr: string | null,
): Promise<object> {
  const { end } = attempt;
  if (end.kind !== 'failed') throw new Error('BUG: there is no error to report');
  const { command, args } = task.work;
  return {
    job_id: call.id,
    tool: call.tool,
    workstream_id: call.workstream,
    run_id: call.runName,
    attempt: attempt.number,
    exit_code: exitCodeOf(end.failure),
    summary: describeFailure(end.failure),
    details: (await start(stderr)).split('\n').slice(0, DETAIL_LINES).join('\n').trimEnd(),
    duration_s: (attempt.endedAt - attempt.startedAt) / 1000,
    ...(call.tool === 'git' ? { git_command: commandText([command, ...args]) } : {}),
    ...(call.tool === 'tests' ? { test_results: await testTotals(task, attempt, stdout) } : {}),
  };
}

/** Returns how many tests passed; null when neither a report nor the output says. */
async function testTotals(
  { root, work }: CommandTask,
  { startedAt }: Attempt,
  stdout: string | null,
): Promise<TestTotals | null> {
  const report = reportNamed(work.args);
  const file = report === null ? null : resolve(root, work.cwd, report);
  const fromReport = file === null ? null : freshText(file, startedAt);
  return (fromReport === null ? null : totalsInReport(fromReport)) ?? totalsInText(await end(stdout));
}

/** Times of files may be kept in whole seconds. */
const CLOCKS_APART_MS = 2_000;

/** A report that was there before is of another attempt. */
function freshText(file: string, since: number): string | null {
  try {
    return statSync(file).mtimeMs < since - CLOCKS_APART_MS ? null : readFileSync(file, 'utf8');
  } catch {
    return null; // the tool came to no report; its output may say more
  }
}

async function start(file: string | null): Promise<string> {
  if (file === null) return '';
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(file, { end: MOST_READ - 1 })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function end(file: string | null): Promise<string> {
  if (file === null) return '';
  const { size } = await stat(file);
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(file, { start: Math.max(0, size - MOST_READ) }))
    chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
