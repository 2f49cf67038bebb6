/**
 * Removes what old runs left in the repository, when somebody asks for it. Each run that begins does a part of it.
 */
import { wholeNumber } from './options.js';
import { forgetOldRuns, KEEP } from './retention.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted } from './words.js';

export const forget: Tool = {
  name: 'forget',
  patternId: 'MERGE-004-FORGET',
  phase: 6,
  phaseName: 'metrics_and_event_append',
  summary:
    'Removes reports and private refs of old runs, except those that alone hold work that has not landed.',
  help: [
    'A run is old when it is older than --keep-days and not among the newest --keep-runs; or when there are more than',
    '--max-runs, and it is not of the last two days.',
    'A ref whose commit is in no branch and on no remote keeps its run, if somebody resolved conflicts in it.',
    'Each env_scan does the same by itself, ten runs at a time.',
    'Exit codes: 0 done, 2 wrong use.',
  ].join('\n'),
  example: 'forget --keep-days 30 --keep-runs 20',
  options: [
    { flags: '--keep-days <count>', description: 'younger runs stay', default: String(KEEP.days) },
    {
      flags: '--keep-runs <count>',
      description: 'so many of the newest stay, however old',
      default: String(KEEP.runs),
    },
    { flags: '--max-runs <count>', description: 'more than this do not stay', default: String(KEEP.most) },
  ],
  tolerated: true,
  run: forgetOld,
};

async function forgetOld(context: Context, options: OptionValues): Promise<Finding> {
  const count = (flag: string): number => wholeNumber('metrics_emit_failed', options, flag);
  const keep = { days: count('keep-days'), runs: count('keep-runs'), most: count('max-runs') };
  const { dryRun } = context;
  const { forgotten, kept, of } = await forgetOldRuns(context, context.run, {
    keep,
    limit: Infinity,
    dryRun,
  });
  return {
    summary: `${dryRun ? 'would forget' : 'forgot'} ${counted(forgotten.length, 'run')} of ${of}; ${kept.length} hold work that has not landed`,
    report: { keep_days: keep.days, keep_runs: keep.runs, max_runs: keep.most, forgotten, kept },
  };
}
