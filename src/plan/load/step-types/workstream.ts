/**
 * `uses: workstream`: a tool changes files in a worktree of its own, and what it wrote becomes a patch.
 */
import * as z from 'zod';
import { executableTests } from '../../../workstream/acceptance.js';
import { DEFAULT_FIX_LIMITS } from '../../../workstream/fix-loop.js';
import {
  DEFAULT_CHECKPOINT_SEC,
  MAX_CHECKPOINT_SEC,
  ON_WORKER_LOST,
} from '../../../workstream/checkpoints.js';
import { meansOf, packMeans } from '../../../workstream/means.js';
import type { WorkstreamId } from '../../plan.js';
import { quote, quoteAll } from '../../quote.js';
import { amount, filledText, flag, oneOf, texts, whole } from '../fields.js';
import { attemptFields, commandFields, everyStep, MAX_TIMER_SEC } from '../schema.js';
import { attemptsOf } from './attempts.js';
import { NO_PROCESS, stepType } from './step-type.js';

const MAX_PROMPT = 65_536;

/** Beside the calls of the tool: the worktree, the checks, the patch. */
const AROUND_SEC = 1_800;

const SCOPE_PHRASE = 'a list of at least one path';

const schema = z.looseObject({
  ...everyStep,
  uses: z.literal('workstream').describe("The step's type: a tool changes files, and a patch comes of it."),
  with: z
    .looseObject(
      {
        prompt: filledText(MAX_PROMPT).describe('What the tool is told.'),
        tool: filledText(100)
          .describe('The tool: aider, codex, claude, gemini, git, tests, or the name of a program.')
          .default('aider'),
        files_scope: texts(SCOPE_PHRASE)
          .min(1, { error: SCOPE_PHRASE })
          .describe('The only paths that the patch may change; one that ends with "/" is a folder.'),
        files_create: texts().describe('Paths that it may create beside those.').default([]),
        acceptance_tests: texts()
          .describe('Shell lines that must end with 0 in the worktree; what is prose is listed, not run.')
          .default([]),
        tool_timeout_sec: whole(1, MAX_TIMER_SEC).describe('Seconds for one call of the tool.').default(600),
        max_cost_usd: amount(0, 1_000_000_000)
          .nullable()
          .describe('What its calls may cost together.')
          .default(null),
        on_worker_lost: oneOf(ON_WORKER_LOST)
          .describe(
            'When its worker is lost in the middle: begin again, or go on from what had been written, on whatever worker.',
          )
          .default('restart'),
        checkpoint_sec: whole(1, MAX_CHECKPOINT_SEC)
          .describe('Seconds between two looks at what has been written, with "continue".')
          .default(DEFAULT_CHECKPOINT_SEC),
        dry_run: flag().describe('Say what would be done, and call no tool.').default(false),
      },
      { error: 'an object such as {"prompt": "Fix the tests", "files_scope": ["src/"]}' },
    )
    .describe('What is to be done, by which tool, in which files.'),
  ...attemptFields,
  timeout_sec: commandFields.timeout_sec.describe(
    'Seconds for one attempt of the whole. Left out: as long as the calls of its tool may take, and half an hour.',
  ),
  runs_on: commandFields.runs_on,
  priority: commandFields.priority,
});

export const workstream = stepType({
  uses: 'workstream',
  schema,
  slots: { runs_on: 'text' },
  withSlots: { prompt: 'text', tool: 'text' },
  ownOutputs: () => ['patch', 'tool', 'costUsd', 'reason'],
  details: async (document, context) => {
    const input = document.with;
    // Taken in only here: a plan without workstreams needs none of it.
    const { defaultSettings } = await import('../../../workstream/load/load-settings.js');
    const defaults = defaultSettings();
    const execution = {
      ...defaults.execution,
      ...{ on_worker_lost: input.on_worker_lost, checkpoint_seconds: input.checkpoint_sec },
    };
    const settings = { ...defaults, execution, tools: { [input.tool]: NO_SETTINGS } };
    const means = meansOf(settings, [input.tool], []);
    const { executable, prose } = executableTests(input.acceptance_tests);
    if (prose.length > 0) {
      context.findings.add({
        code: 'bad-value',
        severity: 'warning',
        path: ['steps', context.index, 'with', 'acceptance_tests'],
        message: `step ${quote(document.id)}: no command, and not run: ${quoteAll(prose, 'and', 3)}`,
      });
    }
    return {
      ...NO_PROCESS,
      work: {
        kind: 'workstream',
        workstream: document.id as WorkstreamId,
        startsWith: [], // known once all steps are: `fill-patches.ts`
        after: [],
        tools: [input.tool],
        route: { tool: input.tool, by: 'tool', note: null },
        prompt: input.prompt,
        files: input.files_scope,
        filesScope: input.files_scope,
        filesCreate: input.files_create,
        acceptanceTests: executable,
        notExecutable: prose,
        testGates: [],
        toolTimeoutSec: input.tool_timeout_sec,
        fix: DEFAULT_FIX_LIMITS,
        maxCostUsd: input.max_cost_usd,
        dryRun: input.dry_run,
        means: packMeans(means),
        metadata: {},
      },
      idempotent: true,
      timeoutSec:
        document.timeout_sec ??
        Math.min(MAX_TIMER_SEC, AROUND_SEC + input.tool_timeout_sec * DEFAULT_FIX_LIMITS.maxAttempts),
      retry: attemptsOf(document, 0, context), // default_retries is for commands
      runsOn: document.runs_on,
      priority: document.priority,
    };
  },
});

const NO_SETTINGS = {
  ...{ executable: null, model: null, args: [], prompt: null, env: {}, timeoutSec: null },
  ...{ capabilities: null, litter: [] },
};
