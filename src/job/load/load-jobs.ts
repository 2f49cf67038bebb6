/**
 * From job files to jobs. A file, or one job of a list, that is wrong is named with its places and reasons, all at once.
 */
import {
  faultProblems,
  Findings,
  hasErrors,
  inOrder,
  isError,
  type Problem,
} from '../../plan/load/diagnostics.js';
import { addIssues, addUnknownKeys, isObject, knownKeys } from '../../plan/load/shape.js';
import { readSource } from '../../plan/load/source.js';
import type { Source } from '../../plan/load/source-text.js';
import type { Json } from '../../plan/plan.js';
import { harmless, quote, quoteAll, show } from '../../plan/quote.js';
import { utf8Length } from '../../plan/utf8.js';
import type { Tools } from '../../workstream/tool/registry.js';
import { TOOLS_WITHOUT_ADAPTER, type Job } from '../job.js';
import { isSensitive } from '../sensitive.js';
import { jobOf } from './job-of.js';
import { jobDocument } from './schema.js';

export interface LoadJobsRequest {
  /** Job files as the person named them. */
  readonly files: readonly string[];
  /** Reads a file as UTF-8. What it throws makes that file wrong. */
  readonly readText: (file: string) => string | Promise<string>;
  /** The tools that may be named. */
  readonly tools: Tools;
}

/** A job and where it was written. */
export interface LoadedJob {
  readonly job: Job;
  readonly document: Readonly<Record<string, Json>>;
  readonly file: string;
  readonly line: number;
}

export interface LoadedJobs {
  /** In the order of the files. */
  readonly jobs: readonly LoadedJob[];
  /** All errors and warnings, in order of file and place. */
  readonly problems: readonly Problem[];
}

/** Loads job files. Never throws for what a file or a reader does. */
export async function loadJobs({ files, readText, tools }: LoadJobsRequest): Promise<LoadedJobs> {
  const jobs: LoadedJob[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    const read = await readFile(file, readText, tools);
    jobs.push(...read.jobs);
    problems.push(...read.problems);
  }
  addDoubles(jobs, problems);
  return { jobs, problems: inOrder(problems, files) };
}

/** Reads a job that is no file: `readJob` of a program's own object. */
export function readJob(raw: unknown, name: string, tools: Tools): LoadedJobs {
  const findings = new Findings();
  const loaded = readDocument(raw, [], findings, tools);
  const problems = findings.located(name, () => ({ line: 0, column: 0 }));
  if (loaded === null || hasErrors(problems)) return { jobs: [], problems };
  return { jobs: [{ ...loaded, file: name, line: 0 }], problems };
}

const KNOWN = knownKeys(jobDocument);

async function readFile(
  file: string,
  readText: LoadJobsRequest['readText'],
  tools: Tools,
): Promise<{ readonly jobs: LoadedJob[]; readonly problems: Problem[] }> {
  let source: Source;
  try {
    source = await readSource(file, await readText(file));
  } catch (error) {
    return { jobs: [], problems: [unreadable(file, error)] };
  }
  const problems = faultProblems(file, source.faults);
  if (!source.usable || problems.some(isError)) return { jobs: [], problems };
  const locate = await source.locate();
  const { value } = source;
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (parts.length === 0) {
    const message = 'this file holds an empty list; it must hold a job or a list of them';
    problems.push({
      ...{ code: 'bad-value', severity: 'error', file, line: 1, column: 1, path: [], message, hint: null },
    });
  }
  const jobs: LoadedJob[] = [];
  parts.forEach((part, index) => {
    const base = Array.isArray(value) ? [index] : [];
    const findings = new Findings();
    const loaded = readDocument(part, base, findings, tools);
    problems.push(...findings.located(file, locate));
    if (loaded !== null && !findings.hasErrors)
      jobs.push({ ...loaded, file, line: locate(base, 'value').line });
  });
  return { jobs, problems };
}

function unreadable(file: string, error: unknown): Problem {
  const code =
    error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'not-found' : 'unreadable';
  const said = error instanceof Error ? error.message : String(error);
  const message =
    code === 'not-found'
      ? `there is no file ${quote(file)}`
      : `${quote(file)} cannot be read: ${harmless(said)}`;
  const hint = code === 'not-found' ? 'name a job file, or a folder of them' : null;
  return { code, severity: 'error', file, line: 0, column: 0, path: [], message, hint };
}

type Path = readonly (string | number)[];

function readDocument(
  raw: unknown,
  base: Path,
  findings: Findings,
  tools: Tools,
): { readonly job: Job; readonly document: Readonly<Record<string, Json>> } | null {
  if (!isObject(raw)) {
    const message = `a job must be an object with "job_id", "workstream_id" and "tool", found ${show(raw)}`;
    findings.add({ code: 'bad-value', path: base, message });
    return null;
  }
  const subject = `job ${typeof raw['job_id'] === 'string' ? quote(raw['job_id']) : String(base[0] ?? 0)}`;
  addUnknownKeys(findings, raw, KNOWN, base, `${subject}: `);
  const read = jobDocument.safeParse(raw);
  if (!read.success) addIssues(findings, read.error.issues, raw, base, subject);
  addMissing(findings, raw, base, subject);
  if (!read.success) return null;
  const job = jobOf(read.data, raw);
  checkTools(findings, job, base, subject, tools);
  checkJob(findings, job, base, subject);
  checkSize(findings, raw, base, subject);
  return { job, document: raw as Readonly<Record<string, Json>> };
}

const FULL_FORM = ['command', 'env', 'paths'] as const;

/** A job that brings one of command, environment and paths is of the full form, and needs them all. */
function addMissing(
  findings: Findings,
  raw: Readonly<Record<string, unknown>>,
  base: Path,
  subject: string,
): void {
  const has = FULL_FORM.filter((key) => raw[key] !== undefined);
  if (has.length === 0) {
    if (raw['instructions'] !== undefined || raw['files'] !== undefined || raw['config'] !== undefined)
      return;
    findings.add({
      code: 'missing-field',
      path: base,
      message: `${subject}: it says neither what to run nor what to do`,
      hint: 'write "command", "env" and "paths", or "files" and "instructions"',
    });
    return;
  }
  for (const key of FULL_FORM) {
    if (raw[key] !== undefined) continue;
    findings.add({
      code: 'missing-field',
      path: base,
      message: `${subject}: missing required field: ${key}`,
      hint: `a job with ${quoteAll(has, 'and')} needs "command", "env" and "paths"`,
    });
  }
}

function checkTools(findings: Findings, job: Job, base: Path, subject: string, tools: Tools): void {
  const names = Object.keys(tools);
  const check = (tool: string, path: Path, needsAdapter: boolean, what: string): void => {
    if (Object.hasOwn(tools, tool)) return;
    const isBare = (TOOLS_WITHOUT_ADAPTER as readonly string[]).includes(tool);
    if (isBare && !needsAdapter) return;
    findings.add({
      code: 'bad-value',
      path: [...base, ...path],
      message: isBare
        ? `${subject}: ${what} ${quote(tool)} has no adapter that could make a command`
        : `${subject}: there is no adapter for ${what} ${quote(tool)}`,
      hint:
        findings.didYouMean(tool, names) ??
        `there are ${quoteAll(names, 'and')}; a tool of your own goes into the configuration`,
    });
  };
  check(job.tool, ['tool'], job.command === null, 'the tool');
  if (job.retryPolicy?.kind === 'escalate')
    check(job.retryPolicy.tool, ['metadata', 'retry_policy'], true, 'the tool of "retry_policy",');
}

/** A job is sent as a whole, and the server takes 2 MB in one piece; ids, paths and the plan made of it go along. */
const MAX_BYTES = 512 * 1024;

function checkSize(findings: Findings, raw: unknown, path: Path, subject: string): void {
  const bytes = utf8Length(JSON.stringify(raw));
  if (bytes <= MAX_BYTES) return;
  const message = `${subject}: it has ${bytes} bytes; a job may have ${MAX_BYTES}`;
  findings.add({ code: 'too-large', path, message, hint: 'put long texts into a file and name it' });
}

function checkJob(findings: Findings, job: Job, base: Path, subject: string): void {
  if (job.dependsOn.includes(job.id)) {
    findings.add({
      code: 'cycle',
      path: [...base, 'dependencies'],
      message: `${subject}: it depends on itself`,
      hint: 'take it out of "dependencies"',
    });
  }
  for (const [name, value] of Object.entries(job.env)) {
    if (!isSensitive(name, value)) continue;
    findings.add({
      code: 'misplaced-secret',
      severity: 'warning',
      path: [...base, 'env', name],
      message: `${subject}: ${quote(name)} looks like a secret: its value would stand in the server's history`,
      hint: `leave it out and set ${name} in the worker's environment; it is masked in the logs`,
    });
  }
  if (job.config['auto_commit'] === true) {
    findings.add({
      code: 'bad-value',
      severity: 'warning',
      path: [...base, 'config', 'auto_commit'],
      message: `${subject}: "auto_commit" is not followed: no tool is asked to commit`,
      hint: 'commit by a job of the tool "git"',
    });
  }
}

/** Two jobs of one id in one submission: which of them is meant, nobody can say. */
function addDoubles(jobs: readonly LoadedJob[], problems: Problem[]): void {
  const first = new Map<string, LoadedJob>();
  for (const loaded of jobs) {
    const { job, file, line } = loaded;
    const other = first.get(job.id);
    if (other === undefined) {
      first.set(job.id, loaded);
      continue;
    }
    if (JSON.stringify(other.document) === JSON.stringify(loaded.document)) continue; // the same file, named twice
    problems.push({
      code: 'duplicate-id',
      severity: 'error',
      ...{ file, line, column: 1, path: ['job_id'] },
      message: `duplicate job id ${quote(job.id)}: ${other.file}:${other.line} has it too`,
      hint: 'each job needs an id of its own',
    });
  }
}
