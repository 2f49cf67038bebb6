/**
 * A tool and a piece of work, as the command that is run.
 */
import type { Tool } from './registry.js';

/** One call of a tool. */
export interface ToolRequest {
  readonly prompt: string;
  /** Named to tools that want their files named. Paths of the worktree. */
  readonly files: readonly string[];
  /** The worktree; the command runs in it. */
  readonly root: string;
  /** A folder outside the worktree that is the attempt's own. */
  readonly scratch: string;
  /** The limit of the workstream; the tool's own when null. */
  readonly timeoutSec: number | null;
}

export interface ToolCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Above the environment the tool gets anyway. */
  readonly env: Readonly<Record<string, string>>;
  /** Written to the process, then closed; null: closed at once. */
  readonly stdin: string | null;
  /** Files to write before it starts. */
  readonly writes: readonly { readonly path: string; readonly text: string }[];
  readonly timeoutSec: number;
}

/** Linux takes 128 KiB for one argument; above this the prompt goes by file whatever the tool prefers. */
const MAX_ARGUMENT = 100_000;

/**
 * Returns the command of a tool.
 *
 * Texts are put in once and never split: a prompt with `{root}` or blanks in it arrives as it is. Files that open with "-"
 * get "./" before them, so that no tool takes them for an option.
 */
export function commandFor(tool: Tool, request: ToolRequest): ToolCommand {
  const promptFile = `${request.scratch}/prompt.md`;
  const values: Readonly<Record<string, string>> = {
    prompt: request.prompt.length > MAX_ARGUMENT ? `Do what the file ${promptFile} says.` : request.prompt,
    promptFile,
    scratch: request.scratch,
    root: request.root,
    model: tool.model ?? '',
  };
  const fill = (text: string): string =>
    text.replace(/\{(prompt|promptFile|scratch|root|model)\}/g, (_, name: string) => values[name]!);
  const several: Readonly<Record<string, readonly string[]>> = {
    '{model…}': tool.model === null || tool.modelOption === null ? [] : [tool.modelOption, tool.model],
    '{files…}': request.files.map((file) => (file.startsWith('-') ? `./${file}` : file)),
    '{more…}': tool.more.map(fill),
  };
  const needsFile =
    tool.prompt === 'file' || (tool.prompt === 'argument' && request.prompt.length > MAX_ARGUMENT);
  const own = {
    ...{ PLANWRIGHT_PROMPT_FILE: promptFile, PLANWRIGHT_SCRATCH: request.scratch },
    ...(tool.model === null ? {} : { PLANWRIGHT_MODEL: tool.model }),
  };
  return {
    program: tool.executable,
    args: tool.args.flatMap((text) => several[text] ?? [fill(text)]),
    env: {
      ...own,
      ...Object.fromEntries(Object.entries(tool.env).map(([name, text]) => [name, fill(text)])),
    },
    stdin: tool.prompt === 'stdin' ? request.prompt : null,
    writes: needsFile || tool.prompt !== 'none' ? [{ path: promptFile, text: request.prompt }] : [],
    timeoutSec: request.timeoutSec ?? tool.timeoutSec,
  };
}

/** Returns the prompt of a further call: what was asked, and what is wrong with what came. */
export const promptWithErrors = (
  prompt: string,
  errors: readonly { code: string; message: string }[],
): string =>
  [
    prompt,
    '',
    'Your change is in the files already. These checks fail; mend them without undoing the work:',
    ...errors.map(({ code, message }) => `- ${code}: ${message}`),
  ].join('\n');

const MAX_NAMED = 20;

/** Returns the prompt of a call that goes on where an earlier one was cut off with its machine. */
export const promptToGoOn = (prompt: string, paths: readonly string[]): string =>
  [
    prompt,
    '',
    'This was begun before, and broken off when the machine at work on it was lost. What had been written by then is in the files',
    'already, some of it perhaps half. Look at it and go on from there; do not begin again:',
    ...paths.slice(0, MAX_NAMED).map((path) => `- ${path}`),
    ...(paths.length > MAX_NAMED ? [`- and ${paths.length - MAX_NAMED} more`] : []),
  ].join('\n');
