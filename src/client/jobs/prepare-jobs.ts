/**
 * From job files to what is submitted: read, checked, with all that the workflow needs. Starts nothing.
 */
import { statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { chainOf } from '../../job/escalation.js';
import { DEFAULT_QUEUE, isQueueName, PRIORITIES, type Job } from '../../job/job.js';
import { loadJobs, readJob, type LoadedJob, type LoadedJobs } from '../../job/load/load-jobs.js';
import { hasErrors, type Problem } from '../../plan/load/diagnostics.js';
import type { Priority } from '../../plan/plan.js';
import { quote } from '../../plan/quote.js';
import type { BreakerLimits } from '../../workstream/breaker.js';
import { toolsOf, type Tools } from '../../workstream/tool/registry.js';
import { PlanError, PlanwrightError } from '../errors.js';
import { readInputText } from '../../os/input-text.js';
import { settingsInForce } from '../workstreams/settings-file.js';
import { contentHash } from './content-hash.js';
import { noSuch, retryPolicyOf, rulesOf, type JobPolicy } from './policy.js';
import type { JobInput } from '../../workflows/job-api.js';

export interface PrepareOptions extends JobPolicy {
  readonly home: string;
  /** Relative names start here. */
  readonly cwd: string;
  readonly queue?: string;
  /** Where the jobs run, whatever they say themselves. */
  readonly root?: string;
  /** A configuration with tools of one's own; the repository's unless said. */
  readonly config?: string;
  readonly priority?: Priority;
  /** Waited for beside what the files say. */
  readonly dependsOn?: readonly string[];
}

/** A job that is ready to be submitted. */
export interface PreparedJob {
  readonly input: Omit<JobInput, 'queuedAt' | 'runsBefore' | 'actor' | 'engineVersion'>;
  /** Of its content, dependencies and priority. */
  readonly hash: string;
  /** For people. */
  readonly file: string;
}

export interface PreparedJobs {
  readonly queue: string;
  readonly jobs: readonly PreparedJob[];
  readonly warnings: readonly Problem[];
}

/**
 * Prepares the jobs of files; a folder stands for the job files in it, in the order of their names.
 *
 * @throws PlanError with everything that is wrong with the files; PlanwrightError `bad-request` for anything else
 */
export async function prepareFiles(files: readonly string[], options: PrepareOptions): Promise<PreparedJobs> {
  const { cwd } = options;
  const means = await meansInForce(options);
  const { tools } = means;
  const paths = (await Promise.all(files.map((file) => filesAt(resolve(cwd, file))))).flat();
  const shown = paths.map((path) => relative(cwd, path) || path);
  const readText = (file: string): Promise<string> => readInputText(resolve(cwd, file));
  return prepared(await loadJobs({ files: shown, readText, tools }), shown[0] ?? '', means, options);
}

/** The same for a job that is an object of a program. */
export async function prepareObject(document: unknown, options: PrepareOptions): Promise<PreparedJobs> {
  const means = await meansInForce(options);
  return prepared(readJob(document, 'job', means.tools), 'job', means, options);
}

/** What the configuration says that jobs go by. */
interface Means {
  readonly tools: Tools;
  readonly breaker: BreakerLimits;
}

async function meansInForce({ home, cwd, root = '.', config }: PrepareOptions): Promise<Means> {
  const named = config === undefined ? {} : { named: config };
  const { settings } = await settingsInForce({ home, cwd, root: resolve(cwd, root), ...named });
  const { tools, enabledTools, breaker } = settings;
  return { tools: toolsOf(tools, enabledTools), breaker };
}

async function filesAt(path: string): Promise<string[]> {
  // What cannot be looked at is said when it is read: with its name, as a wrong input.
  const isFolder = await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (!isFolder) return [path];
  const names = (await readdir(path)).filter((name) => /\.(json|ya?ml)$/i.test(name)).sort();
  if (names.length === 0)
    throw new PlanwrightError('bad-request', `there is no job file in "${path}"`, [
      'files are looked for that end in .json, .yaml or .yml',
    ]);
  return names.map((name) => join(path, name));
}

const ID = /^[A-Za-z0-9._-]{1,128}$/;

/** @throws PlanwrightError `bad-request` for a name that cannot be a queue's */
export function assertQueue(queue: string): void {
  if (isQueueName(queue)) return;
  throw new PlanwrightError(
    'bad-request',
    `${quote(queue)} is no name of a queue: letters, digits, "_", "." and "-", at most 32`,
  );
}

function prepared(
  { jobs, problems }: LoadedJobs,
  file: string,
  means: Means,
  options: PrepareOptions,
): PreparedJobs {
  if (hasErrors(problems)) throw new PlanError(file, problems, 'job');
  const { queue = DEFAULT_QUEUE, priority = 'normal', dependsOn = [] } = options;
  assertQueue(queue);
  if (!PRIORITIES.includes(priority)) throw noSuch('priority', priority, PRIORITIES);
  for (const id of dependsOn) {
    if (!ID.test(id)) throw new PlanwrightError('bad-request', `${quote(id)} is no id of a job to wait for`);
    const own = jobs.find(({ job }) => job.id === id);
    if (own !== undefined && jobs.length === 1)
      throw new PlanwrightError('bad-request', `job ${quote(id)} cannot wait for itself`);
  }
  return {
    queue,
    jobs: withoutDoubles(jobs).map((one) =>
      preparedJob(one, means, { ...options, queue, priority, dependsOn }),
    ),
    warnings: problems,
  };
}

const withoutDoubles = (jobs: readonly LoadedJob[]): readonly LoadedJob[] => [
  ...new Map(jobs.map((one) => [one.job.id, one])).values(),
];

function preparedJob(
  { job, document, file }: LoadedJob,
  { tools, breaker }: Means,
  options: PrepareOptions & {
    readonly queue: string;
    readonly priority: Priority;
    readonly dependsOn: readonly string[];
  },
): PreparedJob {
  const { cwd, queue, priority, retryPolicy, escalation } = options;
  const root = resolve(cwd, options.root ?? job.paths.repoRoot);
  const dependsOn = [...new Set([...job.dependsOn, ...options.dependsOn])]
    .filter((id) => id !== job.id)
    .sort();
  const placed = inRoot(job, root, options.root !== undefined);
  const rules = rulesOf(escalation);
  return {
    input: {
      ...{ queue, job: placed, priority, dependsOn, root },
      retry: retryPolicyOf(retryPolicy),
      ...{ rules, breaker },
      tools: Object.fromEntries(
        chainOf(job, rules).flatMap((name) => (Object.hasOwn(tools, name) ? [[name, tools[name]!]] : [])),
      ),
    },
    hash: contentHash({ document, dependsOn, priority, root }),
    file,
  };
}

/** A job that is sent elsewhere works there as it would have at its own place. */
function inRoot(job: Job, root: string, isMoved: boolean): Job {
  const { repoRoot, workingDir } = job.paths;
  const within = workingDir === repoRoot ? '.' : workingDir;
  const isInside = isMoved && workingDir.startsWith(`${repoRoot}/`);
  return {
    ...job,
    paths: {
      ...job.paths,
      repoRoot: root,
      workingDir: isInside ? workingDir.slice(repoRoot.length + 1) : within,
    },
  };
}

/**
 * Checks that the folders are there, where the worker is on this machine.
 *
 * @throws PlanwrightError `bad-request`
 */
export function assertFolders(jobs: readonly PreparedJob[]): void {
  for (const { input, file } of jobs) {
    const { root, job } = input;
    const folder = resolve(root, job.paths.workingDir);
    const missing = [root, folder].find(
      (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true,
    );
    if (missing === undefined) {
      assertFiles(root, job, file);
      continue;
    }
    const field = missing === root ? 'paths.repo_root' : 'paths.working_dir';
    throw new PlanwrightError(
      'bad-request',
      `${file}: job ${quote(job.id)} cannot run: "${field}" is ${quote(missing)}, and there is no such folder`,
      ['say where it is to run: --root <repository>'],
    );
  }
}

/** What a job leaves behind are files. */
function assertFiles(root: string, { id, paths }: Job, file: string): void {
  const named = [
    ['paths.log_file', paths.logFile],
    ['paths.error_report', paths.errorReport],
  ] as const;
  for (const [field, path] of named) {
    if (statSync(resolve(root, path), { throwIfNoEntry: false })?.isDirectory() !== true) continue;
    throw new PlanwrightError(
      'bad-request',
      `${file}: job ${quote(id)} cannot run: "${field}" is ${quote(path)}, and that is a folder`,
      [`name a file in it: ${quote(`${path}/${id}.log`)}`],
    );
  }
}
