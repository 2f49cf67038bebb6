/**
 * `uses: command`: a program is run. The default, and the form that plans have had from the beginning: its fields stand
 * in the step itself, not under `with`.
 */
import { z } from 'zod';
import type { OutputSource, Retry } from '../../plan.js';
import { commandFields, everyStep, type GlobalsDocument, type RetryDocument } from '../schema.js';
import { stepType } from './step-type.js';

const schema = z.looseObject({
  ...everyStep,
  uses: z
    .literal('command')
    .describe('The step\'s type: what it does. "command" unless said.')
    .default('command'),
  ...commandFields,
});
type CommandDocument = z.output<typeof schema>;

export const command = stepType({
  uses: 'command',
  schema,
  slots: { command: 'command', args: 'argument', cwd: 'argument', env: 'environment', runs_on: 'text' },
  withSlots: {},
  details: (document, { globals, index, findings }) => {
    for (const old of ['retries', 'retry_delay_sec'] as const) {
      if (document.retry === undefined || document[old] === undefined) continue;
      findings.add({
        code: 'conflict',
        path: ['steps', index, old],
        at: 'key',
        message: `step "${document.id}": "${old}" and "retry" both say how often it is tried`,
        hint: 'keep one of them',
      });
    }
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
      timeoutSec: document.timeout_sec ?? globals.default_timeout_sec,
      retry: document.retry === undefined ? oldRetry(document, globals) : newRetry(document.retry, globals),
      idempotent: document.idempotent,
      outputs: Object.fromEntries(
        Object.entries(document.outputs).map(([name, from]) => [name, sourceOf(from)]),
      ),
      runsOn: document.runs_on,
      priority: document.priority,
    };
  },
});

/** The two old fields: a fixed wait. */
function oldRetry(document: CommandDocument, globals: GlobalsDocument): Retry {
  const delaySec = document.retry_delay_sec ?? 0;
  return {
    maxAttempts: (document.retries ?? globals.default_retries) + 1,
    initialIntervalSec: delaySec,
    backoffCoefficient: 1,
    maxIntervalSec: delaySec,
    nonRetryableExitCodes: [],
  };
}

function newRetry(retry: RetryDocument, globals: GlobalsDocument): Retry {
  return {
    maxAttempts: retry.max_attempts ?? globals.default_retries + 1,
    initialIntervalSec: retry.initial_interval_sec,
    backoffCoefficient: retry.backoff_coefficient,
    maxIntervalSec: Math.max(retry.max_interval_sec ?? 300, retry.initial_interval_sec),
    nonRetryableExitCodes: retry.non_retryable_exit_codes,
  };
}

const sourceOf = (from: string | OutputSource): OutputSource =>
  typeof from === 'string' ? { from: 'result', pointer: from } : from;
