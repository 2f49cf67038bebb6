/**
 * `uses: command`: a program is run. The default, and the form that plans have had from the beginning: its fields stand
 * in the step itself, not under `with`.
 */
import * as z from 'zod';
import type { OutputSource } from '../../plan.js';
import { attemptFields, commandFields, everyStep } from '../schema.js';
import { attemptsOf } from './attempts.js';
import type { PlanPath } from '../places.js';
import { stepType, type Slots, type StepContext, type StepDetails } from './step-type.js';

const schema = z.looseObject({
  ...everyStep,
  uses: z
    .literal('command')
    .describe('The step\'s type: what it does. "command" unless said.')
    .default('command'),
  ...commandFields,
  ...attemptFields,
});

export const COMMAND_SLOTS = {
  command: 'command',
  args: 'argument',
  cwd: 'argument',
  env: 'environment',
  runs_on: 'text',
} as const satisfies Slots;

export const command = stepType({
  uses: 'command',
  schema,
  slots: COMMAND_SLOTS,
  withSlots: {},
  details: commandDetails,
});

/** A command as it is written: a step of its own, or what a `for_each` does with each item. */
type CommandDocument = z.output<z.ZodObject<typeof commandFields & typeof attemptFields>> & {
  readonly id: string;
};

/** @param at - where it stands, when it is not the step itself */
export function commandDetails(document: CommandDocument, context: StepContext, at?: PlanPath) {
  return {
    work: {
      kind: 'command',
      command: document.command,
      args: document.args,
      cwd: document.cwd,
      shell: document.shell,
      env: document.env,
      envMode: document.env_mode,
    },
    timeoutSec: document.timeout_sec ?? context.globals.default_timeout_sec,
    retry: attemptsOf(document, context.globals.default_retries, context, at),
    idempotent: document.idempotent,
    outputs: Object.fromEntries(
      Object.entries(document.outputs).map(([name, from]) => [name, sourceOf(from)]),
    ),
    runsOn: document.runs_on,
    priority: document.priority,
  } satisfies StepDetails;
}

const sourceOf = (from: string | OutputSource): OutputSource =>
  typeof from === 'string' ? { from: 'result', pointer: from } : from;
