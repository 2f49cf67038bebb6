/**
 * How a push ends that did not do all it should, and what is kept of one that nobody knows the end of.
 */
import { join } from 'node:path';
import { type Problem, type Report, Stopped, stopped } from './reasons.js';
import { PUSHING, readReport, REPORT_FILES, writeReport } from './state.js';
import type { Context } from './tool.js';
import { short } from './words.js';

export function unfit(problems: readonly [Problem, ...Problem[]]): Stopped {
  return new Stopped({ exitCode: 1, reasonCode: 'guarded_push_failed', problems });
}

/** Somebody else was first. */
export interface Overtaken {
  readonly why: string;
  readonly giveUp: Stopped;
}

export function overtaken(why: string): Overtaken {
  const giveUp = stopped('guarded_push_failed', 1, {
    code: 'target_moved',
    message: `${why}, while this run was at work.`,
    hint: 'Start the safe merge again.',
  });
  return { why, giveUp };
}

/** The remote has it, and this repository could not follow. */
export function onlyRemote({ target }: Context, result: string, problem: Problem, report: Report): Stopped {
  return new Stopped(
    {
      exitCode: 1,
      reasonCode: 'guarded_push_failed',
      problems: [
        {
          code: 'local_not_updated',
          message: `"${target.remote}" has the merge (${short(result)}), but "${target.branch}" here was left as it is.`,
          hint: `See to the point above and start again: "${target.branch}" then only has to follow "${target.remote}".`,
        },
        problem,
      ],
    },
    { ...report, published: result },
  );
}

/** Tells whether an earlier attempt of this step brought the merge onto the remote. */
export async function isPublished({ directory }: Context, result: string): Promise<boolean> {
  const earlier = await readReport(join(directory, REPORT_FILES.guarded_push));
  return earlier?.['published'] === result;
}

const intentFile = (directory: string): string => join(directory, PUSHING);

/** Writes what is about to be pushed: who is killed meanwhile, or never gets an answer, leaves word of it. */
export const noteIntent = (
  { directory }: Context,
  commit: string,
  previous: { readonly local: string; readonly remote: string },
): Promise<void> => writeReport(intentFile(directory), { commit, previous });

/** Returns what the run was about to push, whatever came of it; null when it never came so far. */
export const intentOf = ({ directory }: Context): Promise<Report | null> => readReport(intentFile(directory));

/** Returns the stop with a word on a push that this or an earlier attempt made, and whose end nobody knows. */
export async function withIntent(context: Context, stop: Stopped): Promise<Stopped> {
  const [problem, ...more] = stop.stop.problems;
  if (!/^remote_(unreachable|access_denied|repository_missing)$/.test(problem.code)) return stop;
  const intent = await intentOf(context);
  if (intent === null) return stop;
  const message = `${problem.message}\nIt may have taken ${short(String(intent['commit']))} before: when it can be reached again, the next run sees.`;
  return new Stopped({ ...stop.stop, problems: [{ ...problem, message }, ...more] }, stop.report);
}
