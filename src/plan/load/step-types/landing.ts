/**
 * `uses: landing`: the patches of the workstreams above it land on a branch, each through gates.
 */
import * as z from 'zod';
import { filledText, flag, texts, whole } from '../fields.js';
import { commandFields, everyStep, MAX_TIMER_SEC, MAX_WAIT_SEC } from '../schema.js';
import { quote } from '../../quote.js';
import { conflictFields, conflictHelp } from './conflicts.js';
import { NO_PROCESS, stepType } from './step-type.js';

const GATE = 'an object such as {"name": "unit", "command": "npm test"}';
const MIB = 1024 * 1024;

const schema = z.looseObject({
  ...everyStep,
  uses: z.literal('landing').describe("The step's type: patches land on a branch, through gates."),
  with: z
    .looseObject(
      {
        branch: filledText(1_000)
          .describe('The branch. Left out: the patches are merged and gated, and nothing is moved.')
          .optional(),
        gates: z
          .array(
            z.looseObject(
              {
                name: filledText(100).describe('What people see.'),
                command: filledText(16_384).describe('A shell line; its exit code decides.'),
                timeout_sec: whole(1, MAX_TIMER_SEC).describe('Seconds for one run.').default(1_800),
                blocking: flag().describe('False: it is told of, and stops nothing.').default(true),
              },
              { error: GATE },
            ),
            { error: 'a list of gates' },
          )
          .describe('What a tree must pass before it lands, in this order.')
          .default([]),
        slots: whole(1, 64).describe('How many trees are gated at the same time.').default(4),
        max_batch: whole(1, 64).describe('The most patches one gate run stands for.').default(1),
        setup: texts().describe('Shell lines that make a fresh worktree ready for the gates.').default([]),
        conflicts: z
          .looseObject(conflictFields, { error: 'an object such as {"resolver": "/opt/resolve.sh"}' })
          .describe('Who resolves conflicts of patches with what landed before them.')
          .prefault({}),
      },
      { error: 'an object; it may be empty: {}' },
    )
    .describe('Where, and through which gates.')
    .prefault({}),
  timeout_sec: whole(1, MAX_WAIT_SEC)
    .nullable()
    .describe('Seconds for the whole landing. Left out: a week.')
    .default(null),
  runs_on: commandFields.runs_on,
});

const A_WEEK_SEC = 7 * 24 * 60 * 60;
const MIN_FREE_MB = 256;

export const landing = stepType({
  uses: 'landing',
  schema,
  slots: { runs_on: 'text' },
  withSlots: { branch: 'text' },
  ownOutputs: () => ['tip', 'counts', 'patches', 'gateRuns', 'conflicts'],
  details: (document, { index, findings }) => {
    const { branch = '', gates, slots, max_batch: maxBatch, setup, conflicts } = document.with;
    const names = gates.map(({ name }) => name);
    names.forEach((name, at) => {
      if (names.indexOf(name) === at) return;
      const message = `step ${quote(document.id)}: there are two gates named ${quote(name)}`;
      findings.add({ code: 'duplicate-id', path: ['steps', index, 'with', 'gates', at, 'name'], message });
    });
    return {
      ...NO_PROCESS,
      work: {
        kind: 'landing',
        branch: branch === '' || branch.startsWith('refs/') ? branch : `refs/heads/${branch}`,
        patches: [], // known once all steps are: `fill-patches.ts`
        gates: gates.map(({ name, command, timeout_sec: timeoutSec, blocking }) => {
          return { name, command, timeoutSec, blocking };
        }),
        ...{ slots, maxBatch, setup },
        begins: 'when-all-ended',
        minFreeBytes: MIN_FREE_MB * MIB,
        conflicts: conflictHelp(conflicts),
      },
      timeoutSec: document.timeout_sec ?? A_WEEK_SEC,
      runsOn: document.runs_on,
    };
  },
});
