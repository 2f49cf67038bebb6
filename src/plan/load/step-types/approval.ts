/**
 * `uses: approval`: the run waits for a person to say yes.
 */
import { z } from 'zod';
import { filledText, whole } from '../fields.js';
import { everyStep, MAX_WAIT_SEC } from '../schema.js';
import { NO_PROCESS, stepType } from './step-type.js';

/** People sleep: the default of commands, half an hour, would reject what nobody has seen. */
const DEFAULT_DEADLINE_SEC = 24 * 60 * 60;

const schema = z.looseObject({
  ...everyStep,
  uses: z.literal('approval').describe("The step's type: a person is asked."),
  with: z
    .looseObject(
      { message: filledText(4_096).describe('What the person is asked.') },
      { error: 'an object such as {"message": "Deploy to production?"}' },
    )
    .describe('What is asked.'),
  timeout_sec: whole(1, MAX_WAIT_SEC)
    .nullable()
    .describe(
      'Seconds until silence counts as no. Left out: a day, whatever globals.default_timeout_sec says.',
    )
    .default(null),
});

export const approval = stepType({
  uses: 'approval',
  schema,
  slots: {},
  withSlots: { message: 'text' },
  details: (document) => ({
    ...NO_PROCESS,
    work: { kind: 'approval', message: document.with.message },
    timeoutSec: document.timeout_sec ?? DEFAULT_DEADLINE_SEC,
  }),
});
