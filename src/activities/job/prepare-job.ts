/**
 * What a job needs on the worker before its command starts: its prompt in a file, a folder for its logs.
 */
import { accessSync, constants, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { CommandWork, JobCall } from '../../plan/plan.js';
import { quote } from '../../plan/quote.js';
import { sensitiveValues } from '../../job/sensitive.js';
import type { CommandTask } from '../api.js';

export type Prepared =
  | { readonly kind: 'ready'; readonly task: CommandTask }
  /** No try can do better. */
  | { readonly kind: 'impossible'; readonly message: string };

/** Returns the task of a job as it is tried. Safe to run twice: it writes the same files. */
export function prepareJob(task: CommandTask, call: JobCall, workerEnv: NodeJS.ProcessEnv): Prepared {
  const { root, work } = task;
  try {
    openFolder(resolve(root, call.folder));
    for (const path of [call.logFile, call.errorReport]) assertNoFolder(resolve(root, path));
    const prompt = call.prompt === null ? '' : writePrompt(root, work, call.prompt);
    const fill = (text: string): string => text.replaceAll('{root}', root);
    const args = work.args.map((arg, at) =>
      at === call.promptAt ? prompt : call.fillsRoot ? fill(arg) : arg,
    );
    const unset = Object.entries(call.ifUnset).filter(([name]) => workerEnv[name] === undefined);
    const own = Object.entries(work.env).map(([name, text]) => [
      name,
      name.startsWith('PLANWRIGHT_') ? fill(text) : text,
    ]);
    const env = Object.fromEntries([...unset.map(([name, text]) => [name, fill(text)]), ...own]) as Record<
      string,
      string
    >;
    return { kind: 'ready', task: { ...task, work: { ...work, args, env } } };
  } catch (error) {
    return { kind: 'impossible', message: error instanceof Error ? error.message : String(error) };
  }
}

/** What must not stand in the logs. */
export const maskedIn = (work: CommandWork): readonly string[] =>
  work.job === undefined ? [] : sensitiveValues(work.env);

/** A job whose output could not be kept is not begun. */
function openFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(`the folder of its log ${quote(folder)} cannot be written: ${said}`, { cause: error });
  }
}

function assertNoFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw new Error(`its log or report cannot be written: ${quote(path)} is a folder`);
}

const MAX_PROMPT_BYTES = 4 * 1024 * 1024;

function writePrompt(
  root: string,
  work: CommandWork,
  { path, parts }: NonNullable<JobCall['prompt']>,
): string {
  const texts = parts.map((part) =>
    'text' in part ? part.text : readMessage(resolve(root, work.cwd), part.file),
  );
  const text = `${texts.join('\n\n')}\n`;
  const file = resolve(root, path);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true }); // a tool may have put a link in its place
  writeFileSync(file, text, { flag: 'wx' });
  return text;
}

function readMessage(folder: string, name: string): string {
  const file = resolve(folder, name);
  try {
    const { size } = statSync(file);
    if (size > MAX_PROMPT_BYTES)
      throw new Error(`it has ${size} bytes, and a prompt may have ${MAX_PROMPT_BYTES}`);
    return readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(`its message file ${quote(file)} cannot be read: ${said}`, { cause: error });
  }
}
