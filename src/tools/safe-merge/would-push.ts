/**
 * The dry run of step 10.
 */
import { withObjects } from '../git/objects.js';
import { examine } from './examine.js';
import { landingProblem } from './land-locally.js';
import { refuseLfs } from './lfs.js';
import { mergeOf } from './merge-record.js';
import { finishedMerge, planned } from './push-plan.js';
import { overtaken, unfit } from './push-stops.js';
import type { Context, Finding } from './tool.js';
import { short } from './words.js';

/** Looks at everything that would be looked at before the push, the remote included. */
export async function wouldPush(context: Context): Promise<Finding> {
  const { repository, target, run } = context;
  const merge = await mergeOf(context);
  const report = { action: 'dry_run', pushed: false, local_updated: false };
  const none = { ...report, commit: '' };
  if ((await finishedMerge(context, merge)).result === null) {
    return { summary: 'would push nothing before the conflicts are decided', report, result: none };
  }
  const plan = await planned(context);
  const { tips, result } = plan;
  return withObjects(repository, context.directory, async (objects) => {
    const { problems, remote, tip } = await examine(repository, target, context.now);
    const [problem, ...more] = problems;
    if (problem !== undefined) throw unfit([problem, ...more]);
    if (remote === null) throw new Error('BUG: a fit repository has a remote');
    const from = tips.local;
    if (tip !== from && tip !== result) throw overtaken(`"${target.branch}" moved here`).giveUp;
    const obstacle = await landingProblem({
      repository,
      objects,
      remote,
      target,
      owner: run,
      from,
      to: result,
    });
    if (obstacle !== null) throw unfit([obstacle]);
    if (result !== tips.remote) await refuseLfs(context, objects, tips.remote, result);
    const would = [
      ...(result === tips.remote ? [] : [`push ${short(result)} to ${remote.name}/${target.branch}`]),
      ...(result === from ? [] : [`bring ${target.branch} here to ${short(result)}`]),
    ];
    const finding = { ...report, would, commit: result, rounds: 0 };
    return {
      summary: `would ${would.join(' and ') || 'do nothing'}`,
      report: finding,
      result: { ...none, commit: result },
    };
  });
}
