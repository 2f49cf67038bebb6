/**
 * `uses: command`: a program is run. The default, and the form that plans have had from the beginning: its fields stand
 * in the step itself, not under `with`.
 */
import { z } from 'zod';
import type { OutputSource } from '../../plan.js';
import { attemptFields, commandFields, everyStep } from '../schema.js';
import { attemptsOf } from './attempts.js';
import { stepType } from './step-type.js';

const schema = z.looseObject({
  ...everyStep,
  uses: z
    .literal('command')
    .describe('The step\'s type: what it does. "command" unless said.')
    .default('command'),
  ...commandFields,
  ...attemptFields,
});

export const command = stepType({
  uses: 'command',
  schema,
  slots: { command: 'command', args: 'argument', cwd: 'argument', env: 'environment', runs_on: 'text' },
  withSlots: {},
  details: (document, context) => {
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
      retry: attemptsOf(document, context.globals.default_retries, context),
      idempotent: document.idempotent,
      outputs: Object.fromEntries(
        Object.entries(document.outputs).map(([name, from]) => [name, sourceOf(from)]),
      ),
      runsOn: document.runs_on,
      priority: document.priority,
    };
  },
});

const sourceOf = (from: string | OutputSource): OutputSource =>
  typeof from === 'string' ? { from: 'result', pointer: from } : from;
