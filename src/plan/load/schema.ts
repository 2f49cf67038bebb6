/**
 * The plan document: every field, what it means and what it is when left out. The one definition: the loader reads
 * with it, and the JSON Schema that editors use is made from it.
 */
import * as z from 'zod';
import { whyNotLeaseName } from '../lease-names.js';
import { SCHEMA_VERSION } from './schema-version.js';
import {
  amount,
  environment,
  envName,
  filledText,
  flag,
  freeForm,
  labels,
  oneOf,
  stepId,
  stepIds,
  text,
  texts,
  whole,
} from './fields.js';

/** Steps of a plan, those of its sub-plans counted each time they are used. */
export const MAX_STEPS = 20_000;

/** The longest a timer of Node can wait, in seconds (2³¹ − 1 ms, 24.8 days): the clock of an attempt is one. */
export const MAX_TIMER_SEC = 2_147_483;

/** A year: the longest a step may wait that no process waits for. */
export const MAX_WAIT_SEC = 365 * 24 * 60 * 60;

const MAX_PROSE = 16_384;

/** They are taken one after the other, each with a few events. */
const MAX_LEASES = 50;
const LEASE_PHRASE = whyNotLeaseName('')!;

const priorities = ['critical', 'high', 'normal', 'low'] as const;
export const ON_FAILURE = ['abort', 'skip_dependents', 'continue'] as const;

const leaseNames = () =>
  z
    .array(
      z
        .string({ error: LEASE_PHRASE })
        .refine((name) => whyNotLeaseName(name) === null, { error: LEASE_PHRASE }),
      { error: 'a list of lease names' },
    )
    .max(MAX_LEASES, { error: `a list of at most ${MAX_LEASES} lease names` })
    .default([]);

export const variableDocument = z.looseObject(
  {
    description: text().describe('What the value is for; shown when it is missing.').optional(),
    default: text('a text (write numbers and true or false in quotes)')
      .describe('The value when none is given.')
      .optional(),
    required: flag().describe('The plan does not start without a value.').default(false),
    type: oneOf(['string', 'integer', 'number', 'boolean'])
      .describe('What the text must be the writing of, such as "12" or "true".')
      .default('string'),
    minimum: z.number({ error: 'a number' }).describe('The least value of a number.').optional(),
    maximum: z.number({ error: 'a number' }).describe('The largest value of a number.').optional(),
    pattern: text()
      .describe(
        'A regular expression that the whole value must match. Without look-around and back-references.',
      )
      .optional(),
    enum: texts()
      .min(1, { error: 'a list of at least one text' })
      .describe('The values that are allowed.')
      .optional(),
    secret: flag()
      .describe(
        'The value never enters the plan: a worker looks it up when it starts a command. Only for "env".',
      )
      .default(false),
  },
  { error: 'an object such as {"description": "…", "default": "…"}' },
);

export const globalsDocument = z.looseObject(
  {
    max_concurrency: whole(1, 1_000_000).describe('How many steps may run at once.').default(1),
    default_timeout_sec: whole(1, MAX_TIMER_SEC)
      .describe('Seconds for one attempt of a step without "timeout_sec".')
      .default(1800),
    default_retries: whole(0, 10_000)
      .describe('Further attempts of a command without "retries" and "retry".')
      .default(0),
    env: environment().describe('Added to the environment of every command.').default({}),
  },
  { error: 'an object; it may be empty: {}' },
);

/** The document but for its steps: those are read one by one, each by its own type. */
export const planDocument = z.looseObject(
  {
    $schema: text().describe('Where editors find the schema of this file.').optional(),
    schema_version: z
      .literal(SCHEMA_VERSION, { error: String(SCHEMA_VERSION) })
      .describe(
        'The version of the plan language that the file is written for; "version" is that of the plan.',
      )
      .optional(),
    plan_id: filledText(200).describe('The plan\'s stable name, such as "PLAN-SAFE-MERGE-001".'),
    version: filledText(200).describe('The version of the plan\'s text, such as "1.0".'),
    description: text()
      .max(MAX_PROSE, { error: `a text of at most ${MAX_PROSE} characters` })
      .describe('What the plan is for.')
      .default(''),
    metadata: freeForm()
      .describe('Free form. "project" and "phase_id" are shown with the run and can be searched for.')
      .default({}),
    doc_id: z.unknown().describe('Carried by plans of other systems; not read.').optional(),
    globals: globalsDocument.describe('What holds for all steps.'),
    variables: z
      .record(envName(), variableDocument, { error: 'an object of variables' })
      .describe('The values that a start may give with --var NAME=VALUE, put in where the plan says ${NAME}.')
      .optional(),
    exclusive: leaseNames().describe(
      'Names of leases that the run holds from its first step to its end: of all runs that name one, only one runs at a time.',
    ),
    steps: z
      .array(z.unknown(), { error: 'a list of steps' })
      .min(1, { error: 'a list of at least one step' })
      .max(MAX_STEPS, { error: `a list of at most ${MAX_STEPS} steps` })
      .describe('The steps. Their order matters only where the dependencies leave a choice.'),
  },
  { error: 'an object with "plan_id", "version", "globals" and "steps"' },
);

/** Fields of every step, whatever its type. */
export const everyStep = {
  id: stepId().describe("The step's name inside the plan, used once."),
  name: filledText(500).describe('What people see.'),
  description: text().describe('What the step is for.').default(''),
  depends_on: stepIds().describe('The steps that must be satisfied before this one starts.').default([]),
  critical: flag()
    .describe('With on_failure "abort": whether the failure of this step stops the plan.')
    .default(true),
  condition: text()
    .max(2_000, { error: 'an expression of at most 2000 characters' })
    .nullable()
    .describe(
      'A CEL expression over vars and steps, such as steps.test.exit_code == 0. False skips the step; those that depend on it still run.',
    )
    .default(null),
  on_failure: z
    .union([oneOf(ON_FAILURE), z.strictObject({ fallback: text('the id of a step') })], {
      error: `one of ${ON_FAILURE.map((value) => `"${value}"`).join(', ')}, or {"fallback": "<step id>"}`,
    })
    .describe(
      'What the failure of this step means, when no attempt is left: "abort" ends the run, "skip_dependents" skips what depends on it, "continue" goes on as if it had succeeded, {"fallback": id} runs another step in its place.',
    )
    .default('abort'),
  provides: labels().describe('Names of what this step makes.').default([]),
  consumes: labels()
    .describe('Names of what this step needs: each must be provided by a step above it.')
    .default([]),
  exclusive: leaseNames().describe(
    'Names of leases that the step holds while it runs: of all steps and runs that name one, only one runs at a time.',
  ),
  tags: labels().describe('Labels to group and filter by, such as "phase:4".').default([]),
  ui_hints: z
    .looseObject(
      {
        group: text().nullable().describe('The heading under which the step is shown.').optional(),
        weight: z.number({ error: 'a number' }).nullable().describe('The order inside the group.').optional(),
      },
      { error: 'an object such as {"group": "Tests", "weight": 10}' },
    )
    .describe('Free form. How the step is shown.')
    .default({}),
} as const;

export const retryDocument = z.looseObject(
  {
    max_attempts: whole(1, 10_000).describe('Attempts in all, the first included.').optional(),
    initial_interval_sec: amount(0, MAX_TIMER_SEC).describe('Seconds before the second attempt.').default(1),
    backoff_coefficient: amount(1, 100)
      .describe('What each wait is multiplied by to give the next; 2 unless said, 1 keeps it fixed.')
      .optional(),
    growth: oneOf(['linear', 'fibonacci'])
      .describe(
        'How the waits grow instead: the first one times 1, 2, 3, 4 … (linear) or times 1, 1, 2, 3, 5 … (fibonacci).',
      )
      .optional(),
    max_interval_sec: amount(0, MAX_TIMER_SEC)
      .describe('The longest wait; 300 unless said, or the first wait if that is longer.')
      .optional(),
    non_retryable_exit_codes: z
      .array(whole(1, 255), { error: 'a list of exit codes' })
      .describe('Exit codes after which no further attempt is made.')
      .default([]),
  },
  { error: 'an object such as {"max_attempts": 3}' },
);

/** How often a step is tried, for types that can be tried again. */
export const attemptFields = {
  retries: whole(0, 10_000)
    .describe('Attempts after the first. Left out: globals.default_retries for a command, 0 for a sub-plan.')
    .optional(),
  retry_delay_sec: whole(0, MAX_TIMER_SEC)
    .describe('Seconds before each further attempt. Left out: 0.')
    .optional(),
  retry: retryDocument
    .describe('In place of retries and retry_delay_sec: attempts with growing waits.')
    .optional(),
} as const;

const POINTER_PHRASE =
  'a JSON pointer: "" for the whole, else parts that open with "/", such as "/items/0/id"';
const pointer = () =>
  z
    .string({ error: POINTER_PHRASE })
    .max(1_000, { error: POINTER_PHRASE })
    .regex(/^(\/([^~/]|~[01])*)*$/, { error: POINTER_PHRASE });

const OUTPUT_PHRASE = `${POINTER_PHRASE}; or {"from": "result" or "stdout", "pointer": "…"}`;
const outputName = () => {
  const phrase = 'an output name: letters, digits and "_", not opening with a digit, at most 64';
  return z.string({ error: phrase }).regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, { error: phrase });
};

/** Fields that only a process has. */
export const commandFields = {
  command: filledText(4_096).describe('The program: a name looked up on the PATH, or a path.'),
  args: texts().describe('Its arguments. Each arrives as it is; nothing splits or expands them.'),
  cwd: filledText(4_096).describe("Where it runs; relative means: from the run's root.").default('.'),
  shell: flag()
    .describe(
      'Run command and args, joined by blanks, as one line of "sh -c". Variables are not put into such a line: pass them by env.',
    )
    .default(false),
  env: environment()
    .describe('Environment variables, above those of globals.env. A value may be exactly ${SECRET}.')
    .default({}),
  env_mode: oneOf(['inherit', 'clean'])
    .describe(
      '"inherit" starts from the worker\'s environment without its credentials, "clean" from nothing.',
    )
    .default('inherit'),
  timeout_sec: whole(1, MAX_TIMER_SEC)
    .nullable()
    .describe('Seconds for one attempt; null or left out: globals.default_timeout_sec.')
    .default(null),
  idempotent: flag()
    .describe(
      'True: when a worker is lost the step is simply run again. False: the loss counts as a failed attempt.',
    )
    .default(false),
  outputs: z
    .record(
      outputName(),
      z.union(
        [
          pointer(),
          z.strictObject({
            from: oneOf(['result', 'stdout']).default('result'),
            pointer: pointer().default(''),
          }),
        ],
        { error: OUTPUT_PHRASE },
      ),
      { error: 'an object of names and JSON pointers' },
    )
    .describe(
      'Named values for later steps, out of the JSON file the command writes to $PLANWRIGHT_OUTPUT, or out of its output.',
    )
    .default({}),
  runs_on: filledText(64)
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, { error: 'a label of letters, digits, "_", "." and "-"' })
    .nullable()
    .describe("A worker's label: only workers started with it take the step.")
    .default(null),
  priority: oneOf(priorities)
    .describe('Which of several waiting steps a worker takes first.')
    .default('normal'),
} as const;

export type PlanDocument = z.output<typeof planDocument>;
export type GlobalsDocument = z.output<typeof globalsDocument>;
export type VariableDocument = z.output<typeof variableDocument>;
/** What a step says of its attempts. */
export type AttemptsDocument = z.output<z.ZodObject<typeof attemptFields>>;
/** What every step has, whatever its type. */
export type StepDocument = z.output<z.ZodObject<typeof everyStep, z.core.$loose>>;
