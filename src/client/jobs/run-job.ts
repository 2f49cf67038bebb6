/**
 * Runs one job at once, past the queue: one attempt, and its result.
 */
import { compileJob } from '../../job/compile.js';
import { exitCodeOf } from '../../job/exit-code.js';
import { totalsInText, type TestTotals } from '../../job/test-totals.js';
import { PRESETS } from '../../job/retry.js';
import type { Attempt } from '../../plan/attempt.js';
import { describeFailure } from '../../plan/view.js';
import type { Plan } from '../../plan/plan.js';
import type { Link } from '../link.js';
import { logFiles, readLog } from '../logs.js';
import { readRun } from '../read-run.js';
import { currentActor } from '../start-plan.js';
import type { StartedRun } from '../start-run.js';
import { assertFolders, type PreparedJob } from './prepare-jobs.js';
import { resolve } from 'node:path';

/** What a tool came to. */
export interface JobResult {
  readonly job_id: string;
  readonly tool: string;
  readonly workstream_id: string;
  readonly run_id: string;
  readonly success: boolean;
  /** The tool's own; -1: its time was up; -2: nothing could be started. Null: something else ended it. */
  readonly exit_code: number | null;
  readonly error: string | null;
  readonly duration_s: number;
  /** The first 100 lines. */
  readonly stdout: string;
  /** The first 50 lines. */
  readonly stderr: string;
  readonly log_file: string;
  /** Null when there is nothing to report. */
  readonly error_report_path: string | null;
  /** Of the tool "tests": what it printed last. */
  readonly test_results: TestTotals | null;
}

/** Returns the plan of a job that is run once, and not again. */
export function planOfOne({ input }: PreparedJob): Plan {
  const { job, tools, priority } = input;
  const tool = Object.hasOwn(tools, job.tool) ? tools[job.tool]! : null;
  return compileJob({ job, tool, retry: PRESETS.none, priority, runsBefore: 0 });
}

/** Starts the run of a job. */
export async function startJob(link: Link, prepared: PreparedJob): Promise<StartedRun> {
  const { embedded } = await link.target();
  if (embedded) assertFolders([prepared]);
  const { startRun } = await import('../start-run.js');
  return startRun(link, {
    plan: planOfOne(prepared),
    planPath: prepared.file,
    planFile: null,
    variables: {},
    root: prepared.input.root,
    priority: prepared.input.priority,
    actor: currentActor(),
    reuse: {},
    retryOf: null,
  });
}

const OUT_LINES = 100;
const ERR_LINES = 50;
const MOST_READ = 1024 * 1024;

/** Reads what a job's run came to. */
export async function jobResult(link: Link, { input }: PreparedJob, runId: string): Promise<JobResult> {
  const { job, root } = input;
  const view = await readRun(link, runId);
  const step = view.record.steps[0];
  const last = step?.attempts.at(-1);
  const read = async (stream: 'stdout' | 'stderr'): Promise<string> => {
    const file = (await logFiles(link.home, view, { stream, attempt: 'last' }).catch(() => [])).at(-1);
    if (file === undefined) return '';
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of readLog(link, file)) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MOST_READ) break;
    }
    return Buffer.concat(chunks).toString('utf8');
  };
  const [stdout, stderr] = await Promise.all([read('stdout'), read('stderr')]);
  const success = last?.end.kind === 'succeeded';
  const failure = step?.failure ?? null;
  return {
    ...{ job_id: job.id, tool: job.tool, workstream_id: job.workstream, run_id: runId, success },
    exit_code: success ? 0 : failure === null ? null : exitCodeOf(failure),
    error:
      failure === null
        ? success
          ? null
          : (view.record.head.message ?? 'canceled')
        : describeFailure(failure),
    duration_s: last === undefined ? 0 : secondsOf(last),
    stdout: firstLines(stdout, OUT_LINES),
    stderr: firstLines(stderr, ERR_LINES),
    log_file: resolve(root, job.paths.logFile),
    error_report_path: failure === null || last === undefined ? null : resolve(root, job.paths.errorReport),
    test_results: job.tool === 'tests' ? totalsInText(stdout) : null,
  };
}

const secondsOf = ({ startedAt, endedAt }: Attempt): number => (endedAt - startedAt) / 1000;
const firstLines = (text: string, most: number): string => text.split('\n').slice(0, most).join('\n');
