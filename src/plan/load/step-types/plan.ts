/**
 * `uses: plan`: another plan file is run as a part of this run, once or in rounds. It is read and checked together with
 * this one, so that nothing starts when anything below is wrong.
 */
import * as z from 'zod';
import { hasReferences, plainText } from '../../late.js';
import { counted, filledText, whole } from '../fields.js';
import { attemptFields, everyStep, MAX_WAIT_SEC } from '../schema.js';
import { attemptsOf } from './attempts.js';
import { NO_PROCESS, stepType } from './step-type.js';

/** Each is a run with a record of its own. */
const MAX_ROUNDS = 100;

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
          .describe(
            "Values for the sub-plan's variables: texts, variables, outputs of earlier steps. It sees none of this plan's.",
          )
          .default({}),
      },
      { error: 'an object such as {"path": "deploy.json"}' },
    )
    .describe('Which plan, and with which values.'),
  repeat: z
    .looseObject(
      {
        until: filledText(2_000).describe(
          'A CEL expression over vars and steps of the sub-plan, asked after each round: true ends them.',
        ),
        max_rounds: counted(1, MAX_ROUNDS).describe('Rounds at most; the step fails when all have passed.'),
      },
      { error: 'an object such as {"until": "steps.test.exit_code == 0", "max_rounds": 3}' },
    )
    .describe(
      'The plan is run again until something holds. "${round}" in its variables is the round, from 1.',
    )
    .optional(),
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
  slots: { 'repeat.max_rounds': 'text' },
  withSlots: { path: 'text', variables: 'sub-plan-variable' },
  locals: (document) => (document['repeat'] === undefined ? null : 'round'),
  ownOutputs: (document) => (document['repeat'] === undefined ? [] : ['rounds']),
  details: async (document, context) => {
    const { path, variables } = document.with;
    const all = Object.entries(variables);
    const given = Object.fromEntries(all.filter(([, text]) => hasReferences(text)));
    const known = all.flatMap(([name, text]) => (name in given ? [] : [[name, plainText(text)] as const]));
    const subPlan = await context.loadSubPlan(path, Object.fromEntries(known), Object.keys(given));
    if (subPlan === null) return null;
    const { repeat } = document;
    if (repeat !== undefined)
      await context.checkOver(subPlan, repeat.until, ['steps', context.index, 'repeat', 'until']);
    return {
      ...NO_PROCESS,
      work: {
        ...{ kind: 'plan', path, plan: subPlan },
        ...(Object.keys(given).length === 0 ? {} : { given }),
        ...(repeat === undefined ? {} : { repeat: { until: repeat.until, maxRounds: repeat.max_rounds } }),
      },
      timeoutSec: document.timeout_sec ?? MAX_WAIT_SEC,
      retry: attemptsOf(document, 0, context), // default_retries is for commands: the steps below have their own
    };
  },
});
