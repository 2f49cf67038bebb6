/**
 * Handing a job to another tool when its own cannot do it: who takes over from whom, and the new job.
 */
import type { Json, Priority } from '../plan/plan.js';
import { pathPart, type Job, type JobId } from './job.js';
import { policyOf, type RetryPolicy } from './retry.js';

export interface EscalationRule {
  /** The tool that takes over; null for none. */
  readonly onFailure: string | null;
  readonly onTimeout: string | null;
  /** So many retries come first. */
  readonly retries: number;
  /** Of the new job. */
  readonly priority: Priority;
}

/** The rule that counts for one job. */
export interface RuleOfJob extends EscalationRule {
  /** The job names the tool that takes over: that follows the job's own retries, however many. */
  readonly isNamed: boolean;
}

export type EscalationRules = Readonly<Record<string, EscalationRule>>;

const TO_NOBODY: EscalationRule = { onFailure: null, onTimeout: null, retries: 1, priority: 'high' };

export const DEFAULT_RULES: EscalationRules = {
  aider: { onFailure: 'codex', onTimeout: 'codex', retries: 2, priority: 'high' },
  codex: TO_NOBODY,
  tests: TO_NOBODY,
  git: TO_NOBODY,
};

/** What a job failed of, as far as escalation cares. */
export type EscalationReason = 'failure' | 'timeout';

/** Returns the rule that counts for a job; null when it is never handed on. */
export function ruleOf(
  job: Pick<Job, 'tool' | 'retryPolicy' | 'metadata'>,
  rules: EscalationRules,
): RuleOfJob | null {
  const { retryPolicy: choice } = job;
  if (choice?.kind === 'none' || choice?.kind === 'retry-same') return null;
  const rule = Object.hasOwn(rules, job.tool) ? rules[job.tool]! : TO_NOBODY;
  // What the author names is for the tool the author names; whoever took over follows the rules.
  const isOriginal = toolsBefore(job).length === 0;
  const isNamed = choice !== null && isOriginal;
  const { onFailure, onTimeout, ...rest } = isNamed
    ? { ...rule, onFailure: choice.tool, onTimeout: choice.tool }
    : rule;
  const allowed = (tool: string | null): string | null =>
    tool !== null && tool !== job.tool && !toolsBefore(job).includes(tool) ? tool : null;
  return { ...rest, onFailure: allowed(onFailure), onTimeout: allowed(onTimeout), isNamed };
}

/** Returns who takes over; null when nobody does, or not yet. */
export function escalationTarget(
  rule: RuleOfJob | null,
  reason: EscalationReason,
  retries: number,
): string | null {
  if (rule === null || (!rule.isNamed && retries < rule.retries)) return null;
  return reason === 'timeout' ? rule.onTimeout : rule.onFailure;
}

/** Returns the tools that may come to work on a job, its own first. A tool already seen ends the chain. */
export function chainOf(
  job: Pick<Job, 'tool' | 'retryPolicy' | 'metadata'>,
  rules: EscalationRules,
): string[] {
  const seen: string[] = [];
  const visit = (tool: string | null): void => {
    if (tool === null || seen.includes(tool)) return;
    const before = [...seen];
    seen.push(tool);
    const at =
      before.length === 0 ? job : { ...job, tool, metadata: { ...job.metadata, [TOOLS]: before as Json } };
    const rule = ruleOf(at, rules);
    visit(rule?.onFailure ?? null);
    visit(rule?.onTimeout ?? null);
  };
  visit(job.tool);
  return seen;
}

/** Returns the retries of a job: its own where it names who takes over, else no more than come before it is handed on. */
export function retriesBeforeEscalation(job: Job, queue: RetryPolicy, rules: EscalationRules): RetryPolicy {
  const policy = policyOf(job, queue);
  const rule = ruleOf(job, rules);
  if (rule === null || (rule.onFailure ?? rule.onTimeout) === null) return policy;
  if (rule.isNamed && job.maxRetries !== null) return policy;
  return { ...policy, maxRetries: Math.min(policy.maxRetries, rule.retries) };
}

/** The tools that had the job before, kept in its metadata. */
const TOOLS = 'escalation_tools';
const toolsBefore = ({ metadata }: Pick<Job, 'metadata'>): readonly string[] => {
  const tools = metadata[TOOLS];
  return Array.isArray(tools) ? tools.filter((tool) => typeof tool === 'string') : [];
};

export const escalatedId = (id: string, tool: string): JobId => `${id}-escalated-${pathPart(tool)}` as JobId;

export interface Escalation {
  readonly tool: string;
  readonly reason: EscalationReason;
  /** What the tool before said last. */
  readonly lastError: string;
}

/**
 * Returns the job of the tool that takes over: all of the old one's but its command, which the new tool's adapter makes
 * from the old one's instructions, and its log names. The old job is not touched.
 */
export function escalate(job: Job, { tool, reason, lastError }: Escalation): Job {
  const id = escalatedId(job.id, tool);
  const original = job.metadata['original_job_id'];
  const task = taskOf(job);
  return {
    ...structuredCopy(job),
    id,
    tool,
    command: null,
    instructions: [
      ...(task.text === null ? [] : [`Fix the issue: ${task.text}`]),
      ...(task.text === null && task.file === null ? [`Fix the issue that job "${job.id}" is about.`] : []),
      ...(lastError.trim() === ''
        ? []
        : [`\n${job.tool} tried before and ${inWords(reason)}. It said last:\n${lastError}`]),
    ].join('\n'),
    messageFile: task.file,
    paths: {
      ...job.paths,
      logFile: beside(job.paths.logFile, `${id}.log`),
      errorReport: beside(job.paths.errorReport, `${id}.error.json`),
    },
    // An option such as a model is of the tool it was written for.
    config: Object.fromEntries(Object.entries(job.config).filter(([name]) => name !== 'model')),
    dependsOn: [],
    timeoutSec: job.timeoutSec,
    metadata: {
      ...structuredCopy(job.metadata),
      escalated_from: job.id,
      escalation_reason: reason,
      original_job_id: typeof original === 'string' ? original : job.id,
      is_escalation: true,
      escalated_from_job: job.id,
      [TOOLS]: [...toolsBefore(job), job.tool],
    },
  };
}

const inWords = (reason: EscalationReason): string =>
  reason === 'timeout' ? 'did not end in time' : 'failed';

const beside = (path: string, name: string): string => path.replace(/[^/\\]*$/, '') + name;

const structuredCopy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Returns what the job was to do: its instructions, the message its command carries, or the file that holds one. */
export function taskOf(job: Pick<Job, 'instructions' | 'messageFile' | 'command'>): {
  readonly text: string | null;
  readonly file: string | null;
} {
  const { instructions, messageFile, command } = job;
  if (instructions !== null && instructions.trim() !== '') return { text: instructions, file: messageFile };
  const read = command === null ? NOTHING : readArguments(command.args);
  if (read.message !== null) return { text: read.message, file: null };
  const file = messageFile ?? read.messageFile;
  if (file !== null) return { text: null, file };
  return { text: read.words.length === 0 ? null : read.words.join(' '), file: null };
}

interface Arguments {
  readonly message: string | null;
  readonly messageFile: string | null;
  /** What is neither an option nor the value of one. */
  readonly words: readonly string[];
}
const NOTHING: Arguments = { message: null, messageFile: null, words: [] };

const MESSAGE = ['--message', '--msg', '-m'];
const MESSAGE_FILE = ['--message-file', '-f'];
/** Options without a value, as far as they can be told by their names. */
const ALONE = /^--?(yes|no|auto|dry|verbose|quiet|help|version)(-|$)|^-[a-zA-Z]$/;

function readArguments(args: readonly string[]): Arguments {
  let { message, messageFile } = NOTHING;
  const words: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at]!;
    if (!arg.startsWith('-')) {
      words.push(arg);
      continue;
    }
    const [name, joined] = split(arg);
    const takesValue = MESSAGE.includes(name) || MESSAGE_FILE.includes(name) || !ALONE.test(name);
    const value = joined ?? (takesValue && at + 1 < args.length ? args[(at += 1)]! : null);
    if (MESSAGE.includes(name)) message = value;
    if (MESSAGE_FILE.includes(name)) messageFile = value;
  }
  return { message, messageFile, words };
}

function split(arg: string): [string, string | null] {
  const at = arg.indexOf('=');
  return at < 0 ? [arg, null] : [arg.slice(0, at), arg.slice(at + 1)];
}
