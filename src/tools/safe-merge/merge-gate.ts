/**
 * Between the merge and its publishing: does the merged tree hold?
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { withObjects } from '../git/objects.js';
import { type Gates, passGates } from './gates.js';
import { mergeOf } from './merge-record.js';
import { textOf, wholeNumber } from './options.js';
import { finishedMerge } from './push-plan.js';
import { stopped } from './reasons.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted, short } from './words.js';

export const mergeGate: Tool = {
  name: 'merge_gate',
  patternId: 'MERGE-004-GATE',
  phase: 4,
  phaseName: 'local_merge_and_resolution',
  summary: 'Runs commands of yours on the merged tree, before anything is published.',
  help: [
    'They run in a work tree of our own, outside the repository; what they change there does not reach the merge.',
    'guarded_push publishes only the very commit that passed; when it must merge again, it runs them again.',
    'SAFE_MERGE_COMMIT and SAFE_MERGE_BRANCH are in their environment.',
    'Exit codes: 0 all are green, or there is none or nothing to push; 1 one is red; 2 wrong use.',
  ].join('\n'),
  options: [
    {
      flags: '--gate <command>',
      description: 'a line for the shell, or a JSON list of program and arguments; default: SAFE_MERGE_GATE',
      default: '',
    },
    {
      flags: '--gates <file>',
      description:
        'more of them, one a line; empty lines and those that open with # do not count; default: SAFE_MERGE_GATES',
      default: '',
    },
    { flags: '--max-seconds <count>', description: 'the most each may take', default: '900' },
  ],
  tolerated: false,
  run: gateStep,
};

async function gateStep(context: Context, options: OptionValues): Promise<Finding> {
  const gates: Gates = {
    commands: await commandsOf(context, options),
    maxSeconds: wholeNumber('gate_failed', options, 'max-seconds'),
  };
  const nothing = (summary: string): Finding => ({
    summary,
    report: { ...gates, commit: null, tree: null, gates: [] },
  });
  if (gates.commands.length === 0) return nothing('no gates');
  const commit = await mergedCommit(context);
  if (commit === null) return nothing('nothing is going to be pushed');
  if (context.dryRun)
    return nothing(`would run ${counted(gates.commands.length, 'gate')} on ${short(commit)}`);
  const report = await withObjects(context.repository, context.directory, (objects) =>
    passGates(context, objects, commit, gates),
  );
  return { summary: `${counted(gates.commands.length, 'gate')} green on ${short(commit)}`, report };
}

/** What guarded_push will push, or null when it only follows the remote. */
async function mergedCommit(context: Context): Promise<string | null> {
  const merge = await mergeOf(context);
  const { result } = await finishedMerge(context, merge);
  if (result === null && !context.dryRun) {
    throw stopped('conflicts_unresolved', 2, {
      code: 'conflicts_unresolved',
      message: 'the merge has conflicts that are not resolved: there is nothing to try.',
      hint: 'ai_conflict_resolver names them and says what to do.',
    });
  }
  return result === merge.tips.remote ? null : result;
}

async function commandsOf({ cwd, env }: Context, options: OptionValues): Promise<string[]> {
  const one = textOf(options, 'gate') || (env['SAFE_MERGE_GATE'] ?? '');
  const file = textOf(options, 'gates') || (env['SAFE_MERGE_GATES'] ?? '');
  const first = one.trim() === '' ? [] : [one];
  if (file === '') return first;
  try {
    const lines = (await readFile(resolve(cwd, file), 'utf8')).split(/\r?\n/);
    return [...first, ...lines.filter((text) => text.trim() !== '' && !text.trimStart().startsWith('#'))];
  } catch (error) {
    throw stopped('gate_failed', 2, {
      code: 'gates_unreadable',
      message: `the list of gates "${file}" cannot be read: ${(error as Error).message}`,
      hint: 'Name a file with one command a line.',
    });
  }
}
