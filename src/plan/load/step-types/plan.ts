/**
 * `uses: plan`: another plan file is run as a part of this run. It is read and checked together with this one, so that
 * nothing starts when anything below is wrong.
 */
import { z } from 'zod';
import { filledText, whole } from '../fields.js';
import { attemptFields, everyStep, MAX_WAIT_SEC } from '../schema.js';
import { attemptsOf } from './attempts.js';
import { NO_PROCESS, stepType } from './step-type.js';

const schema = z.looseObject({
  ...everyStep,
  uses: z.literal('plan').describe("The step's type: another plan is run."),
  with: z
    .looseObject(
      {
        path: filledText(4_096).describe('The plan file; relative means: from the folder of this file.'),
        variables: z
          .record(z.string(), z.string({ error: 'a text (write numbers and true or false in quotes)' }), {
            error: 'an object of names and texts',
          })
          .describe("Values for the sub-plan's variables. It sees none of this plan's.")
          .default({}),
      },
      { error: 'an object such as {"path": "deploy.json"}' },
    )
    .describe('Which plan, and with which values.'),
  timeout_sec: whole(1, MAX_WAIT_SEC)
    .nullable()
    .describe(
      'Seconds for one attempt of the whole sub-plan. Left out: as long as its steps take, a year at most.',
    )
    .default(null),
  ...attemptFields,
});

export const plan = stepType({
  uses: 'plan',
  schema,
  slots: {},
  withSlots: { path: 'text', variables: 'sub-plan-variable' },
  details: async (document, context) => {
    const { path, variables } = document.with;
    const subPlan = await context.loadSubPlan(path, variables);
    if (subPlan === null) return null;
    return {
      ...NO_PROCESS,
      work: { kind: 'plan', path, plan: subPlan },
      timeoutSec: document.timeout_sec ?? MAX_WAIT_SEC,
      retry: attemptsOf(document, 0, context), // default_retries is for commands: the steps below have their own
    };
  },
});
