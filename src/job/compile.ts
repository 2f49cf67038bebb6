/**
 * A job as a plan of one step, for the one engine that runs everything.
 */
import type { CommandWork, JobCall, Plan, Priority, PromptPart, StepId } from '../plan/plan.js';
import { commandFor } from '../workstream/tool/command-for.js';
import type { Tool } from '../workstream/tool/registry.js';
import { taskOf } from './escalation.js';
import type { ToolGuard } from './guarded-tool.js';
import type { Job } from './job.js';
import { stepRetry, type RetryPolicy } from './retry.js';

/** The one step of every job's plan. */
export const JOB_STEP = 'job' as StepId;

/** For a tool that says nothing of itself. */
const DEFAULT_TIMEOUT_SEC = 600;

export interface CompileRequest {
  readonly job: Job;
  /** Null: there is no adapter, and the job brings its command. */
  readonly tool: Tool | null;
  readonly retry: RetryPolicy;
  readonly priority: Priority;
  /** How often the job has been run before under its id: its logs are told apart by it. */
  readonly runsBefore: number;
  /** Left out, or null: its tries ask nobody. */
  readonly guard?: ToolGuard | null;
}

/** Returns the plan of a job. It runs in the job's repository. */
export function compileJob({ job, tool, retry, priority, runsBefore, guard = null }: CompileRequest): Plan {
  return {
    planId: job.id,
    version: '1.0',
    description: `${job.tool} for ${job.workstream}`,
    project: job.workstream,
    phaseId: 'JOB',
    maxConcurrency: 1,
    env: {},
    variables: {},
    secrets: [],
    steps: [
      {
        id: JOB_STEP,
        name: `${job.tool}: ${job.id}`,
        work: guarded(workOf(job, tool, runsBefore), guard),
        dependsOn: [],
        timeoutSec: job.timeoutSec ?? tool?.timeoutSec ?? DEFAULT_TIMEOUT_SEC,
        retry: stepRetry(retry),
        // A tool that changes files may not be repeated unasked: a lost worker counts as a failed attempt.
        idempotent: false,
        critical: true,
        onFailure: { kind: 'abort' },
        condition: null,
        outputs: {},
        provides: [],
        consumes: [],
        tags: [],
        group: null,
        weight: null,
        runsOn: null,
        priority,
      },
    ],
  };
}

function guarded(work: CommandWork, guard: ToolGuard | null): CommandWork {
  if (guard === null || work.job === undefined) return work;
  return { ...work, job: { ...work.job, guard: guard as unknown as NonNullable<JobCall['guard']> } };
}

function workOf(job: Job, tool: Tool | null, runsBefore: number): CommandWork {
  const { workingDir, repoRoot } = job.paths;
  const call = callOf(job, runsBefore);
  const place = {
    kind: 'command',
    cwd: cwdOf(repoRoot, workingDir),
    shell: false,
    envMode: 'inherit',
  } as const;
  if (job.command !== null) {
    const { forced, ifUnset } = environmentOf(tool, job.env);
    return {
      ...place,
      command: job.command.exe,
      args: job.command.args,
      env: { ...job.env, ...forced },
      job: { ...call, ifUnset },
    };
  }
  if (tool === null) throw new Error(`BUG: job "${job.id}" has neither a command nor a tool to make one`);
  return { ...place, ...madeBy(tool, job, call) };
}

/** Stands for the repository until the worker that has it puts it in. */
const ROOT = '{root}';

/** A file that its prompt is in stands with its logs: there a person looks for what the tool was told. */
function madeBy(tool: Tool, job: Job, call: JobCall): Pick<CommandWork, 'command' | 'args' | 'env' | 'job'> {
  const scratch = `${call.folder}/${job.id}`;
  const { model } = job.config;
  const named = { ...tool, model: typeof model === 'string' && model !== '' ? model : tool.model };
  const made = commandFor(named, {
    // Only whether there is one counts here: its text is put together where it is used.
    prompt: ' ',
    files: job.files,
    root: ROOT,
    scratch: isAbsolute(scratch) ? scratch : `${ROOT}/${scratch}`,
    timeoutSec: job.timeoutSec,
  });
  const { forced, ifUnset } = environmentOf(named, job.env);
  const { PLANWRIGHT_PROMPT_FILE: file, PLANWRIGHT_SCRATCH: folder, PLANWRIGHT_MODEL: used } = made.env;
  const own = {
    ...{ PLANWRIGHT_PROMPT_FILE: file!, PLANWRIGHT_SCRATCH: folder! },
    ...(used === undefined ? {} : { PLANWRIGHT_MODEL: used }),
  };
  const hasPrompt = tool.prompt !== 'none';
  const byStdin = made.stdin !== null;
  return {
    // Standard input of our commands is empty: a shell that becomes the tool opens the prompt as its own.
    command: byStdin ? 'sh' : made.program,
    args: byStdin
      ? ['-c', 'exec "$@" <"$PLANWRIGHT_PROMPT_FILE"', 'sh', made.program, ...made.args]
      : [...made.args, ...(hasPrompt ? [] : plainArguments(job))],
    env: { ...own, ...job.env, ...forced },
    job: {
      ...call,
      ifUnset,
      fillsRoot: true,
      prompt: hasPrompt ? { path: `${scratch}/prompt.md`, parts: promptOf(job) } : null,
      promptAt: tool.prompt === 'argument' ? made.args.indexOf(' ') : null,
    },
  };
}

/** A tool that takes no prompt works on what it is named. */
function plainArguments({ config, files }: Job): string[] {
  const { args } = config;
  return [...(Array.isArray(args) ? args.filter((arg) => typeof arg === 'string') : []), ...files];
}

function promptOf(job: Job): PromptPart[] {
  const { text, file } = taskOf(job);
  // What an escalation adds stands in the instructions; the file then holds what the person asked for.
  const parts: PromptPart[] = [];
  if (file !== null) parts.push({ file });
  if (text !== null) parts.push({ text });
  return parts;
}

/** What a tool is given above its job's own: some whatever the job says, some only where nobody says anything. */
function environmentOf(
  tool: Tool | null,
  own: Readonly<Record<string, string>>,
): { readonly forced: Readonly<Record<string, string>>; readonly ifUnset: Readonly<Record<string, string>> } {
  const forced: Record<string, string> = {};
  const ifUnset: Record<string, string> = {};
  for (const [name, text] of Object.entries(tool?.env ?? {})) {
    const value = text.replaceAll('{model}', tool?.model ?? '');
    if (name === 'GIT_TERMINAL_PROMPT') forced[name] = value;
    else if (!Object.hasOwn(own, name)) ifUnset[name] = value;
  }
  return { forced, ifUnset };
}

function callOf(job: Job, runsBefore: number): JobCall {
  const { logFile, errorReport } = job.paths;
  const folder = logFile.replace(/[/\\]?[^/\\]*$/, '') || '.';
  return {
    id: job.id,
    tool: job.tool,
    workstream: job.workstream,
    runName: job.runName,
    runsBefore,
    folder,
    logFile,
    errorReport,
    ifUnset: {},
    fillsRoot: false,
    prompt: null,
    promptAt: null,
  };
}

const isAbsolute = (path: string): boolean => /^([/\\]|[A-Za-z]:)/.test(path);

/** The run's root is the repository; a working directory that is the same is "." */
const cwdOf = (repoRoot: string, workingDir: string): string => (workingDir === repoRoot ? '.' : workingDir);
