/**
 * `planwright workstream quarantine` and `stuck`: what operators ask first.
 */
import type { Command } from 'commander';
import type { Link } from '../../client/link.js';
import { findRun, listRuns } from '../../client/list-runs.js';
import { readRun } from '../../client/read-run.js';
import type { RunRecord } from '../../plan/record.js';
import { readSetNote } from '../../record/set-report.js';
import { hasWorkstreams, reportOf } from '../../workstream/report/from-record.js';
import { quarantineIn, STUCK_LIMITS, stuckIn } from '../../workstream/report/questions.js';
import { examples, type Host, paintOf, print, printJson, withLink } from '../command.js';
import { addJson, positive } from '../options.js';
import { oneLine } from '../text/neutralise.js';
import { plural, seconds } from '../text/time.js';

/** Runs that are looked at when none is named, the newest. */
const RUNS = 20;

export function defineQuestions(command: Command, { world, exit }: Host): void {
  const quarantine = command
    .command('quarantine')
    .description('list the patches that were kept aside, and why')
    .argument('[run]', `id of a run, a part of it, or "last" (default: the last ${RUNS} runs)`);
  addJson(quarantine).action(async (run: string | undefined, { json }: { readonly json: boolean }) =>
    exit(
      await withLink(world, async (link) => {
        const records = await recordsOf(link, run ?? null, () => true);
        const all = records.flatMap((record) =>
          quarantineIn(reportOf(record, readSetNote(link.home, record.head.runId))),
        );
        const paint = paintOf(world);
        if (json) printJson(world, all);
        else if (all.length === 0) print(world, 'no patch is in quarantine');
        else
          print(
            world,
            ...all.flatMap(({ run: of, workstream, tool, kind, reason, patch, files, holds }) => [
              `${paint.bold(workstream)}  ${paint.red(kind)}  ${oneLine(reason)}`,
              paint.dim(
                `  run ${of}, by ${tool}, ${plural(files, 'file')}${holds.length === 0 ? '' : `; holds up ${holds.join(', ')}`}`,
              ),
              paint.dim(`  planwright patch restore ${patch} <directory>`),
            ]),
          );
        return 0;
      }),
    ),
  );
  const stuck = command
    .command('stuck')
    .description('list what takes longer than is usual in runs that are open')
    .argument('[run]', 'id of a run, a part of it, or "last" (default: all that are open)')
    .option('--minutes <n>', 'longer than this, whatever it is (default: by kind, 10, 30 or 60)', positive);
  examples(stuck, 'planwright workstream stuck', 'planwright workstream stuck last --minutes 20');
  addJson(stuck).action(
    async (
      run: string | undefined,
      { json, minutes }: { readonly json: boolean; readonly minutes?: number },
    ) =>
      exit(
        await withLink(world, async (link) => {
          const ms = minutes === undefined ? null : minutes * 60_000;
          const limits = ms === null ? STUCK_LIMITS : { workstreamMs: ms, stepMs: ms, waitMs: ms };
          const records = await recordsOf(link, run ?? null, ({ head }) => head.endedAt === null);
          const all = records.flatMap((record) => stuckIn(record, world.now(), limits));
          if (json) printJson(world, all);
          else if (all.length === 0) print(world, 'nothing is stuck');
          else
            print(
              world,
              ...all.map(
                ({ run: of, step, what, forMs }) =>
                  `run ${of}, step ${step}: ${oneLine(what)} for ${seconds(forMs)}`,
              ),
            );
          return 0;
        }),
      ),
  );
}

async function recordsOf(
  link: Link,
  run: string | null,
  isMeant: (record: RunRecord) => boolean,
): Promise<RunRecord[]> {
  const ids =
    run === null
      ? (await listRuns(link, { limit: RUNS })).runs.map(({ run_id: id }) => id)
      : [await findRun(link, run)];
  const records: RunRecord[] = [];
  for (const id of ids) {
    const { record } = await readRun(link, id);
    if ((run !== null || hasWorkstreams(record)) && isMeant(record)) records.push(record);
  }
  return records;
}
