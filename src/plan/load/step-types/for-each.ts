/**
 * `uses: for_each`: one command for each item of a list that is known when the step starts.
 */
import * as z from 'zod';
import { MAX_ITEMS } from '../../for-each.js';
import { hasReferences, plainText } from '../../late.js';
import type { Json, Step, StepId } from '../../plan.js';
import { quote, show } from '../../quote.js';
import { counted, filledText, labels, oneOf, text, whole } from '../fields.js';
import { attemptFields, commandFields, everyStep, MAX_WAIT_SEC, ON_FAILURE } from '../schema.js';
import { COMMAND_SLOTS, commandDetails } from './command.js';
import { NO_PROCESS, stepType, type StepContext } from './step-type.js';

const ITEMS = 'a list, or a text that comes to one: "${steps.<id>.outputs.<name>}", "${VARIABLE}"';

const itemStep = z.looseObject(
  {
    name: filledText(500)
      .describe('What people see of an item\'s step; "${item}" may stand in it.')
      .optional(),
    description: text().describe('What the step is for.').default(''),
    on_failure: oneOf(ON_FAILURE)
      .describe(
        'What the failure of one item means: "abort" stops the others and fails the group, "skip_dependents" lets the others go on and fails the group in the end, "continue" does not fail it.',
      )
      .default('abort'),
    tags: labels().describe("Labels of each item's step.").default([]),
    uses: z
      .literal('command')
      .describe('A command; nothing else can be done with an item.')
      .default('command'),
    ...commandFields,
    ...attemptFields,
  },
  { error: 'an object such as {"command": "npm", "args": ["test", "-w", "${item}"]}' },
);

const schema = z.looseObject({
  ...everyStep,
  uses: z.literal('for_each').describe("The step's type: a command is run for each item of a list."),
  with: z
    .looseObject(
      {
        items: z
          .union([z.string(), z.array(z.unknown())], { error: ITEMS })
          .describe('The items: a list, or one output or variable that is a list.'),
        max_items: counted(1, MAX_ITEMS)
          .describe('More items than this fail the step before any is begun.')
          .default(1_000),
        max_parallel: counted(1, 1_000).describe('How many items may be worked on at once.').default(1),
        step: itemStep.describe('The command. "${item}", "${item.field}" and "${index}" stand for the item.'),
      },
      { error: 'an object such as {"items": ["a", "b"], "step": {"command": "echo", "args": ["${item}"]}}' },
    )
    .describe('Which items, and what is done with each.'),
  timeout_sec: whole(1, MAX_WAIT_SEC)
    .nullable()
    .describe('Seconds for all items together. Left out: as long as they take, a year at most.')
    .default(null),
});

export const forEach = stepType({
  uses: 'for_each',
  schema,
  slots: {},
  withSlots: { items: 'items', max_items: 'text', max_parallel: 'text' },
  inner: { field: 'step', slots: { name: 'item-name', description: 'text', ...COMMAND_SLOTS } },
  ownOutputs: () => ['count', 'succeeded', 'failed', 'results'],
  details: (document, context) => {
    const { max_items: maxItems, max_parallel: maxParallel, step: inner } = document.with;
    const path = ['steps', context.index, 'with', 'step'];
    refuseElsewhere(document.id, inner, context);
    const items = itemsOf(document.id, document.with.items, maxItems, context);
    if (items === null) return null;
    const template: Step = {
      ...commandDetails({ ...inner, id: document.id }, context, path),
      id: document.id as StepId,
      name: inner.name ?? '',
      dependsOn: [],
      critical: true,
      onFailure: { kind: inner.on_failure },
      condition: null,
      provides: [],
      consumes: [],
      tags: inner.tags,
      group: null,
      weight: null,
    };
    return {
      ...NO_PROCESS,
      work: {
        kind: 'for_each',
        ...{ items, maxItems, maxParallel, template },
        results: { maxBytes: 0, isRead: false }, // known once all steps are: `note-lists.ts`
      },
      timeoutSec: document.timeout_sec ?? MAX_WAIT_SEC,
    };
  },
});

/** Returns the items as far as they are known, or the template that comes to them. */
function itemsOf(
  id: string,
  written: string | readonly unknown[],
  maxItems: number,
  { index, findings }: StepContext,
): readonly Json[] | string | null {
  const path = ['steps', index, 'with', 'items'];
  const refuse = (message: string, hint: string | null = null): null => {
    findings.add({ code: 'bad-value', path, message: `step ${quote(id)}: ${message}`, hint });
    return null;
  };
  if (typeof written === 'string' && hasReferences(written)) {
    if (/^\$\{steps\.[^{}]*\}$/.test(written)) return written;
    return refuse(
      '"items" must be one output and nothing beside it',
      'write "items": "${steps.<id>.outputs.<name>}"',
    );
  }
  const list = typeof written === 'string' ? parsed(plainText(written)) : written;
  if (!Array.isArray(list)) return refuse(`"items" must be ${ITEMS}, found ${show(written)}`);
  if (list.length > maxItems)
    return refuse(`"items" has ${list.length} items; "max_items" allows ${maxItems}`);
  return list as Json[];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What a step has beside its command is said of the group as a whole: here it would be passed over. */
function refuseElsewhere(
  id: string,
  inner: Readonly<Record<string, unknown>>,
  { index, findings }: StepContext,
): void {
  for (const key of Object.keys(everyStep)) {
    if (Object.hasOwn(itemStep.shape, key) || !Object.hasOwn(inner, key)) continue;
    findings.add({
      code: 'conflict',
      path: ['steps', index, 'with', 'step', key],
      at: 'key',
      message: `step ${quote(id)}: ${quote(key)} means nothing for the step of one item`,
      hint:
        key === 'id'
          ? 'it is made from the index: "item-0"'
          : 'write it beside "with", for all items together',
    });
  }
}
