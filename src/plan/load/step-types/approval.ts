/**
 * `uses: approval`: the run waits for a person to say yes, or which of several ways to go.
 */
import * as z from 'zod';
import type { ApprovalWork, Choice } from '../../plan.js';
import { quote, quoteAll } from '../../quote.js';
import { filledText, whole } from '../fields.js';
import { everyStep, MAX_WAIT_SEC } from '../schema.js';
import { isObject } from '../shape.js';
import { NO_PROCESS, stepType, type StepContext } from './step-type.js';

/** People sleep: the default of commands, half an hour, would reject what nobody has seen. */
const DEFAULT_DEADLINE_SEC = 24 * 60 * 60;

const CHOICE_PHRASE =
  'a choice: letters, digits and "_.:/@+-", opening with a letter or digit, at most 100; or {"value": "…", "label": "…"}';
/** It is typed, and may become an argument of a command: so it is a word, and never an option. */
const choiceValue = () =>
  z.string({ error: CHOICE_PHRASE }).regex(/^[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,99}$/, { error: CHOICE_PHRASE });

const CHOICES_PHRASE = 'a list of 2 to 50 choices';
const choices = z
  .array(
    z.union(
      [
        choiceValue(),
        z.strictObject({
          value: choiceValue(),
          label: filledText(500).describe('What people see beside it.').optional(),
        }),
      ],
      { error: CHOICE_PHRASE },
    ),
    { error: CHOICES_PHRASE },
  )
  .min(2, { error: CHOICES_PHRASE })
  .max(50, { error: CHOICES_PHRASE });

const schema = z.looseObject({
  ...everyStep,
  uses: z.literal('approval').describe("The step's type: a person is asked."),
  with: z
    .looseObject(
      {
        message: filledText(4_096).describe(
          'What the person is asked. Outputs of earlier steps may stand in it.',
        ),
        choices: choices
          .describe(
            'What the person chooses from, in place of yes or no. The choice becomes the output "choice".',
          )
          .optional(),
        default_on_timeout: choiceValue()
          .describe('The choice that is taken when nobody answers in time. Left out: silence is a no.')
          .optional(),
      },
      { error: 'an object such as {"message": "Deploy to production?"}' },
    )
    .describe('What is asked.'),
  timeout_sec: whole(1, MAX_WAIT_SEC)
    .nullable()
    .describe(
      'Seconds until silence is taken for an answer. Left out: a day, whatever globals.default_timeout_sec says.',
    )
    .default(null),
});

export const approval = stepType({
  uses: 'approval',
  schema,
  slots: {},
  withSlots: { message: 'question' },
  ownOutputs: ({ with: input }) => [
    'approved_by',
    'reason',
    ...(isObject(input) && Array.isArray(input['choices']) ? ['choice'] : []),
  ],
  details: (document, context) => {
    const { message, choices: given, default_on_timeout: byDefault } = document.with;
    const named = given?.map((choice): Choice =>
      typeof choice === 'string'
        ? { value: choice, label: choice }
        : { value: choice.value, label: choice.label ?? choice.value },
    );
    const work: ApprovalWork = {
      kind: 'approval',
      message,
      ...(named === undefined ? {} : { choices: named }),
      ...(byDefault === undefined ? {} : { defaultOnTimeout: byDefault }),
    };
    checkChoices(document.id, work, context);
    refuseLeases(document, context);
    return { ...NO_PROCESS, work, timeoutSec: document.timeout_sec ?? DEFAULT_DEADLINE_SEC };
  },
});

function checkChoices(id: string, work: ApprovalWork, { index, findings }: StepContext): void {
  const path = ['steps', index, 'with'];
  const subject = `step ${quote(id)}`;
  const values = (work.choices ?? []).map(({ value }) => value);
  values.forEach((value, at) => {
    if (values.indexOf(value) === at) return;
    const message = `${subject}: the choice ${quote(value)} is in "choices" twice`;
    findings.add({ code: 'conflict', path: [...path, 'choices', at], message });
  });
  for (const [at, { label }] of (work.choices ?? []).entries()) {
    if (!/\$\{[A-Za-z_]/.test(label)) continue;
    const message = `${subject}: ${quote(label)} is shown as it is written: nothing is put into choices`;
    findings.add({ code: 'not-substituted', severity: 'warning', path: [...path, 'choices', at], message });
  }
  const byDefault = work.defaultOnTimeout;
  if (byDefault === undefined || values.includes(byDefault)) return;
  findings.add({
    code: 'conflict',
    path: [...path, 'default_on_timeout'],
    message: `${subject}: "default_on_timeout" is ${quote(byDefault)}, which is none of its choices`,
    hint:
      values.length === 0
        ? 'give the step "choices", or leave it out: silence is a no then'
        : (findings.didYouMean(byDefault, values) ?? `they are ${quoteAll(values, 'and')}`),
  });
}

/** Nothing runs while a person thinks, so there is nothing to keep others from. */
function refuseLeases(
  { id, exclusive }: { readonly id: string; readonly exclusive: readonly string[] },
  { index, findings }: StepContext,
): void {
  if (exclusive.length === 0) return;
  const message = `step ${quote(id)}: "exclusive" means nothing for "uses": "approval"`;
  const hint = 'give it to the steps that need it, or to the plan as a whole';
  findings.add({ code: 'conflict', path: ['steps', index, 'exclusive'], at: 'key', message, hint });
}
