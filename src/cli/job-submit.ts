/**
 * `planwright job run` and `submit`: a job at once, and jobs into the queue.
 */
import type { Link } from '../client/link.js';
import { cancelRun } from '../client/control.js';
import { workersOf } from '../client/jobs/list-jobs.js';
import type { RetrySettings } from '../client/jobs/policy.js';
import { prepareFiles, type PreparedJob } from '../client/jobs/prepare-jobs.js';
import { jobResult, planOfOne, startJob, type JobResult } from '../client/jobs/run-job.js';
import { submitJobs, type Submitted } from '../client/jobs/submit-jobs.js';
import { sealQueue } from '../client/jobs/workers.js';
import { followed } from '../client/planwright.js';
import { currentActor } from '../client/start-plan.js';
import { stateHome } from '../home.js';
import { processCode } from '../job/exit-code.js';
import { PRESETS, STRATEGIES, type Preset, type Strategy } from '../job/retry.js';
import type { CommandWork } from '../plan/plan.js';
import { paintOf, print, printJson, tellTo, withLink } from './command.js';
import type { PlaceFlags, SubmitFlags } from './commands/job.js';
import { printProblems, UsageError } from './errors.js';
import { ofQueue } from './job-workers.js';
import { oneLine } from './text/neutralise.js';
import { plural, seconds } from './text/time.js';
import { pad } from './text/width.js';
import type { ExitCode, World } from './world.js';

/** Runs one job and ends with its exit code. */
export async function runJobFile(
  world: World,
  file: string | undefined,
  flags: PlaceFlags & { readonly json: boolean },
): Promise<ExitCode> {
  if (file === undefined) throw new UsageError('which job is to be run?', ['planwright job run <file>']);
  const { jobs, warnings } = await prepareFiles([file], { ...placeOf(world, flags), retryPolicy: 'none' });
  if (warnings.length > 0) await printProblems(world, warnings);
  const [job] = jobs;
  if (jobs.length !== 1)
    throw new UsageError(`"${file}" holds ${jobs.length} jobs, and one is run at a time`, [
      `planwright job submit ${file}`,
    ]);
  return withLink(world, async (link) => {
    const ready = link.ensureWorker();
    ready.catch(() => undefined);
    const { runId } = await startJob(link, job!);
    if (!flags.json) world.err.write(`${commandLine(job!)}\n`);
    await ready;
    await toTheEnd(world, link, runId);
    const result = await jobResult(link, job!, runId);
    if (flags.json) printJson(world, result);
    else print(world, ...resultLines(world, result));
    return result.success ? 0 : processCode(result.exit_code);
  });
}

function commandLine(job: PreparedJob): string {
  const work = planOfOne(job).steps[0]!.work as CommandWork;
  const { id, tool, workstream } = job.input.job;
  return oneLine(`${id}: ${tool} for ${workstream}: ${[work.command, ...work.args].join(' ').slice(0, 200)}`);
}

/** Ctrl-C cancels the run; a second one leaves it to itself. */
async function toTheEnd(world: World, link: Link, runId: string): Promise<void> {
  const leaving = new AbortController();
  let presses = 0;
  const forget = world.onInterrupt(() => {
    presses += 1;
    if (presses > 1) leaving.abort();
    else
      cancelRun(link, runId, { reason: 'canceled by Ctrl-C', actor: currentActor() }).catch(
        (error: unknown) => tellTo(world)(error instanceof Error ? error.message : String(error)),
      );
  });
  try {
    for await (const { isFinal } of await followed(link, runId, leaving.signal)) if (isFinal) return;
  } finally {
    forget();
  }
}

function resultLines(world: World, result: JobResult): string[] {
  const paint = paintOf(world);
  const { success, error, duration_s: took } = result;
  const after = `after ${seconds(took * 1000)}`;
  const verdict = success
    ? `${paint.green(`${paint.marks.succeeded} succeeded`)} ${paint.dim(after)}`
    : paint.red(
        `${paint.marks.failed} ${error === null ? `canceled ${after}` : `failed ${after}: ${oneLine(error)}`}`,
      );
  const tests = result.test_results;
  return [
    ...outputLines(result.stdout, paint.dim(`${paint.marks.gutter} `)),
    ...(success ? [] : outputLines(result.stderr, paint.red(`${paint.marks.gutter} `))),
    verdict,
    ...(tests === null
      ? []
      : [
          `  tests       ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped, ${tests.errors} errors`,
        ]),
    `  exit code   ${result.exit_code ?? 'none'}`,
    `  tool        ${result.tool}`,
    `  workstream  ${oneLine(result.workstream_id)}`,
    `  log         ${result.log_file}`,
    ...(result.error_report_path === null ? [] : [`  report      ${result.error_report_path}`]),
  ];
}

const outputLines = (text: string, gutter: string): string[] =>
  text.trimEnd() === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => `${gutter}${oneLine(line)}`);

/** Submits the jobs of files. */
export async function submitFiles(
  world: World,
  files: readonly string[],
  flags: SubmitFlags,
): Promise<ExitCode> {
  if (files.length === 0)
    throw new UsageError('which jobs are to be queued?', ['planwright job submit <files or folders>']);
  const prepared = await prepareFiles(files, {
    ...placeOf(world, flags),
    ...{ queue: flags.queue, priority: flags.priority, dependsOn: flags.dependsOn },
    retryPolicy: retryOf(flags),
    ...(flags.escalation ? {} : { escalation: false as const }),
  });
  if (prepared.warnings.length > 0) await printProblems(world, prepared.warnings);
  return withLink(world, async (link) => {
    const submitted = await submitJobs(link, prepared, { force: flags.force, again: flags.again });
    if (flags.seal) await sealQueue(link, flags.queue);
    const places = await workersOf(await link.client(), flags.queue);
    if (flags.json) {
      printJson(world, {
        queue: flags.queue,
        jobs: submitted.map(({ id, how, priority, dependsOn }) => ({
          job_id: id,
          how,
          priority,
          depends_on: dependsOn,
        })),
        workers: places,
      });
      return 0;
    }
    print(world, ...submittedLines(world, submitted));
    if (places === 0) tellTo(world)(`no workers are started: planwright job workers${ofQueue(flags.queue)}`);
    return 0;
  });
}

const HOW: Readonly<Record<Submitted['how'], string>> = {
  new: 'queued',
  same: 'is there already',
  again: 'queued again',
  replaced: 'queued in place of the old one',
};
/** More than this nobody reads. */
const SHOWN = 50;

function submittedLines(world: World, submitted: readonly Submitted[]): string[] {
  const paint = paintOf(world);
  const shown = submitted.slice(0, SHOWN);
  const width = Math.max(...shown.map(({ id }) => id.length));
  const lines = shown.map(({ id, how, priority, dependsOn }) => {
    const waits = dependsOn.length === 0 ? '' : `  after ${dependsOn.join(', ')}`;
    return `${pad(id, width)}  ${HOW[how]}, ${priority}${paint.dim(waits)}`;
  });
  if (submitted.length === 1) return lines;
  const fresh = submitted.filter(({ how }) => how !== 'same').length;
  return [
    ...lines,
    ...(submitted.length > SHOWN ? [`… and ${submitted.length - SHOWN} more`] : []),
    `${plural(fresh, 'job')} queued${fresh < submitted.length ? `, ${submitted.length - fresh} there already` : ''}`,
  ];
}

function placeOf(world: World, { root, config }: PlaceFlags) {
  return {
    ...{ home: stateHome(world.env), cwd: world.cwd },
    ...(root === undefined ? {} : { root }),
    ...(config === undefined ? {} : { config }),
  };
}

function retryOf({ retry, maxRetries, baseDelay, maxDelay }: SubmitFlags): RetrySettings {
  const over = {
    ...(maxRetries === undefined ? {} : { maxAttempts: maxRetries }),
    ...(baseDelay === undefined ? {} : { baseDelay }),
    ...(maxDelay === undefined ? {} : { maxDelay }),
  };
  if (retry === undefined) return over;
  if ((STRATEGIES as readonly string[]).includes(retry)) return { ...over, strategy: retry as Strategy };
  if (!Object.hasOwn(PRESETS, retry)) return retry as Preset; // refused with what there is
  if (Object.keys(over).length === 0) return retry as Preset;
  const { maxRetries: retries, strategy, baseSec, maxSec } = PRESETS[retry as Preset];
  return { maxAttempts: retries, strategy, baseDelay: baseSec, maxDelay: maxSec, ...over };
}
