/**
 * What an operating system and a server take of one step, checked before anything starts.
 */
import type { CommandWork, Step } from '../plan.js';
import { quote } from '../quote.js';
import { MAX_OUTPUT_BYTES } from '../references.js';
import { utf8Length } from '../utf8.js';
import { checkEnv } from './check-env.js';
import type { Findings } from './diagnostics.js';
import type { PlanPath } from './places.js';

/** Linux takes 128 KiB for one argument or one environment variable, its closing NUL included. */
const MAX_ARGUMENT_BYTES = 131_071;
/** All arguments and variables together; Linux takes a quarter of the stack, 2 MB as a rule, and the worker's own go in too. */
const MAX_PROCESS_BYTES = 1024 * 1024;
/** One step as it is sent to a worker. */
const MAX_TASK_BYTES = 128 * 1024;
/** What is sent along: ids, the run's root, times. */
const TASK_ROOM = 8 * 1024;
/** No character takes more in JSON: it may be written as \uXXXX. */
const MAX_BYTES_A_UNIT = 6;

/** Reports what cannot be started or sent. `env` is that of the whole plan. */
export function checkLimits(
  step: Step,
  env: Readonly<Record<string, string>>,
  index: number,
  findings: Findings,
  path: PlanPath = ['steps', index],
): void {
  if (step.work.kind === 'for_each')
    return checkLimits(step.work.template, env, index, findings, [...path, 'with', 'step']);
  if (step.work.kind !== 'command') return;
  const { work } = step;
  const subject = `step ${quote(step.id)}`;
  const allEnv = { ...env, ...work.env };
  const variables = Object.entries(allEnv);
  const texts = [work.command, work.cwd, ...work.args, ...variables.flat()];

  const nul = (text: string, ...below: (string | number)[]): void => {
    if (!text.includes('\0')) return;
    const message = `${subject}: ${quote(below.join('.'))} holds a NUL character, which no process can be given`;
    findings.add({ code: 'bad-value', path: [...path, ...below], message });
  };
  nul(work.command, 'command');
  nul(work.cwd, 'cwd');
  work.args.forEach((text, at) => nul(text, 'args', at));
  checkEnv(work.env, [...path, 'env'], `${subject}: `, findings);

  let units = 0;
  for (const text of texts) units += text.length;
  // Nearly all steps are far below every limit, and counting bytes for each would take longer than all else.
  if (units * MAX_BYTES_A_UNIT + TASK_ROOM + placesIn(work) * MAX_OUTPUT_BYTES < MAX_ARGUMENT_BYTES) return;

  const tooLarge = (what: string, bytes: number, most: number, at: PlanPath, hint: string): void =>
    findings.add({
      code: 'too-large',
      path: at,
      message: `${subject}: ${what} ${bytes} bytes; it may be ${most}`,
      hint,
    });
  const checkText = (what: string, text: string, extra: number, ...below: (string | number)[]): void => {
    const bytes = extra + filledBytes(text);
    if (bytes <= MAX_ARGUMENT_BYTES) return;
    tooLarge(
      `${what} is`,
      bytes,
      MAX_ARGUMENT_BYTES,
      [...path, ...below],
      'write it to a file, and name the file',
    );
  };
  if (work.shell) checkText('the shell line', [work.command, ...work.args].join(' '), 0, 'args');
  else work.args.forEach((text, at) => checkText(`argument ${at + 1}`, text, 0, 'args', at));
  for (const [name, text] of variables)
    checkText(`environment variable ${quote(name)}`, text, name.length + 1, 'env', name);

  const processBytes = texts.reduce((sum, text) => sum + filledBytes(text) + 1, 0);
  if (processBytes > MAX_PROCESS_BYTES) {
    tooLarge(
      'arguments and environment have',
      processBytes,
      MAX_PROCESS_BYTES,
      path,
      'write large texts to files',
    );
    return;
  }
  const references = placesIn(work) * MAX_OUTPUT_BYTES;
  const task = { work: { ...work, env: allEnv }, retry: step.retry, outputs: step.outputs };
  const taskBytes = utf8Length(JSON.stringify(task)) + references + TASK_ROOM;
  if (taskBytes > MAX_TASK_BYTES) {
    tooLarge(
      'as it is sent to a worker it has',
      taskBytes,
      MAX_TASK_BYTES,
      path,
      'write large texts to files',
    );
  }
}

/** How many places of a command are filled when it starts. */
const placesIn = ({ args, cwd, env }: CommandWork): number =>
  [...args, cwd, ...Object.values(env)].reduce((sum, text) => sum + openPlaces(text), 0);

const openPlaces = (text: string): number =>
  text.includes('${steps.') ? text.split('${steps.').length - text.split('$${steps.').length : 0;

/** The bytes of a text, each output in it at its largest. */
function filledBytes(text: string): number {
  return utf8Length(text) + openPlaces(text) * MAX_OUTPUT_BYTES;
}
