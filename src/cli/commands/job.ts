/**
 * `planwright job`: calls of tools, one job each, run now or queued.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { DEFAULT_QUEUE, isQueueName, JOB_STATES, PRIORITIES, type JobState } from '../../job/job.js';
import { PRESETS, STRATEGIES } from '../../job/retry.js';
import type { Priority } from '../../plan/plan.js';
import { examples, type Host } from '../command.js';
import { convert } from '../job-convert.js';
import { cancelJobs, listQueue, printStats, showJob } from '../job-queries.js';
import { runJobFile, submitFiles } from '../job-submit.js';
import { runWorkers, waitForJobs } from '../job-workers.js';
import { addJson, collect, positive } from '../options.js';

export interface QueueFlags {
  readonly queue: string;
  readonly json: boolean;
}

export interface PlaceFlags {
  readonly root?: string;
  readonly config?: string;
}

export interface SubmitFlags extends QueueFlags, PlaceFlags {
  readonly jobFile: readonly string[];
  readonly priority: Priority;
  readonly dependsOn: readonly string[];
  readonly force: boolean;
  readonly again: boolean;
  readonly seal: boolean;
  readonly retry?: string;
  readonly maxRetries?: number;
  readonly baseDelay?: number;
  readonly maxDelay?: number;
  readonly escalation: boolean;
}

export function define(command: Command, host: Host): void {
  const { world, exit } = host;
  const run = command
    .command('run')
    .description('run one job now, past the queue, and end with its exit code')
    .argument('[file]', 'the job file')
    .option('--job-file <file>', 'the job file');
  addPlace(run);
  addJson(run).action(
    async (
      file: string | undefined,
      flags: PlaceFlags & { readonly jobFile?: string; readonly json: boolean },
    ) => exit(await runJobFile(world, file ?? flags.jobFile, flags)),
  );

  const submit = command
    .command('submit')
    .description('queue the jobs of files or folders')
    .argument('[files...]', 'job files, or folders of them')
    .option('--job-file <file>', 'a job file (repeatable)', collect, [])
    .addOption(new Option('--priority <level>', 'how urgent they are').choices(PRIORITIES).default('normal'))
    .option('--depends-on <id...>', 'wait for these jobs beside those that the files name', [])
    .option('--seal', 'nothing more comes: a dependency that nobody submitted fails what waits for it', false)
    .option('--again', 'run a job again that has ended', false)
    .option('--force', 'replace a job of the same id and other content', false)
    .option(
      '--retry <how>',
      `for jobs that say nothing: ${[...Object.keys(PRESETS), ...STRATEGIES].join(', ')}`,
    )
    .option('--max-retries <n>', 'tries after the first', wholeOrZero)
    .option('--base-delay <seconds>', 'the wait before the first retry', zeroOrMore)
    .option('--max-delay <seconds>', 'the longest wait', zeroOrMore)
    .option('--no-escalation', 'hand no job to another tool');
  addPlace(submit);
  addQueue(submit).action(async (files: readonly string[], flags: SubmitFlags) =>
    exit(await submitFiles(world, [...files, ...flags.jobFile], flags)),
  );

  const status = command
    .command('status')
    .description('show a job: where it stands, and how it came there')
    .argument('[id]', 'the id of a job')
    .option('--job-id <id>', 'the id of a job');
  examples(status, 'planwright job status ws-paint-001', 'planwright job status ws-paint-001 --json');
  addQueue(status).action(async (id: string | undefined, flags: QueueFlags & { readonly jobId?: string }) =>
    exit(await showJob(world, id ?? flags.jobId, flags)),
  );

  const list = command
    .command('list')
    .description('list jobs, by priority and then by the time of submission')
    .addOption(new Option('--status <state>', 'only jobs in this state').choices(JOB_STATES))
    .option('--limit <n>', 'at most so many', positive, 100);
  addQueue(list).action(async (flags: QueueFlags & { readonly status?: JobState; readonly limit: number }) =>
    exit(await listQueue(world, flags)),
  );

  const cancel = command
    .command('cancel')
    .description('cancel jobs, wherever they stand')
    .argument('<id...>', 'ids of jobs')
    .option('--reason <text>', 'why, for the record', 'canceled');
  examples(cancel, 'planwright job cancel ws-paint-001 --reason "not needed"');
  addQueue(cancel).action(async (ids: readonly string[], flags: QueueFlags & { readonly reason: string }) =>
    exit(await cancelJobs(world, ids, flags)),
  );

  const stats = command.command('stats').description('count the jobs by state, and the workers');
  examples(stats, 'planwright job stats --json');
  addQueue(stats).action(async (flags: QueueFlags) => exit(await printStats(world, flags)));

  const workers = command
    .command('workers')
    .description('run queued jobs, so many at once, until Ctrl-C; then those at work end')
    .option('--count <n>', 'how many run at once', positive, 3)
    .option('--detach', 'start them and return: they go on', false)
    .option('--stop', 'stop them: jobs at work end, no other starts', false)
    .option('--now', 'with --stop: jobs at work are ended, and return to the queue', false)
    .option('--ageing <seconds>', 'after so long a job moves up by one priority; 0: never', zeroOrMore)
    .option('--unknown-after <seconds>', 'so long a job waits for one that nobody submitted', zeroOrMore)
    .option('--verbose', 'also say of each job how it went', false);
  addQueue(workers).action(async (flags: WorkersFlags) => exit(await runWorkers(world, flags)));

  const convertCommand = command
    .command('convert')
    .description('write workstreams as job files, one for each')
    .argument('[path]', 'a folder of workstreams or one file (default: the one of the repository)')
    .option('--out <folder>', 'where the job files go', 'jobs');
  examples(convertCommand, 'planwright job convert workstreams --out jobs');
  addPlace(convertCommand);
  addJson(convertCommand).action(
    async (path: string | undefined, flags: PlaceFlags & { readonly out: string; readonly json: boolean }) =>
      exit(await convert(world, path, flags)),
  );

  const wait = command
    .command('wait')
    .description('wait until no job waits, is queued or at work')
    .argument('[id...]', 'only for these jobs');
  examples(wait, 'planwright job wait', 'planwright job wait ws-paint-001 ws-walls-001');
  addQueue(wait).action(async (ids: readonly string[], flags: QueueFlags) =>
    exit(await waitForJobs(world, ids, flags)),
  );

  examples(
    command,
    'planwright job run jobs/format.json',
    'planwright job submit jobs/build.json --priority high',
    'planwright job submit jobs --seal && planwright job workers --count 3',
    'planwright job list --status failed --json',
  );
}

export interface WorkersFlags extends QueueFlags {
  readonly count: number;
  readonly detach: boolean;
  readonly stop: boolean;
  readonly now: boolean;
  readonly ageing?: number;
  readonly unknownAfter?: number;
  readonly verbose: boolean;
}

const addQueue = (command: Command): Command =>
  addJson(command.option('--queue <name>', 'which queue', queueName, DEFAULT_QUEUE));

const addPlace = (command: Command): Command =>
  command
    .option('--root <repository>', 'where the jobs run, whatever they say themselves')
    .option('--config <file>', 'a configuration with tools of your own');

function queueName(text: string): string {
  if (!isQueueName(text))
    throw new InvalidArgumentError('It must be letters, digits, "_", "." and "-", at most 32.');
  return text;
}

function zeroOrMore(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It must be a number, 0 or more.');
  return value;
}

function wholeOrZero(text: string): number {
  const value = zeroOrMore(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return value;
}
