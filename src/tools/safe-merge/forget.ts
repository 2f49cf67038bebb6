/**
 * Removing what old runs left in the repository: by age and count, and never the only copy of something that has not
 * landed.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gitIn, line, type Repository } from '../git/repository.js';
import { UNFINISHED } from './finish-merge.js';
import { wholeNumber } from './options.js';
import { setOwnRefs } from './own-refs.js';
import { takeRun } from './run-lock.js';
import { OWN_REF_KINDS, readReport, REPORT_FILES, runDirectory, type RunKey } from './state.js';
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
    'A run is old when it is older than --keep-days and not among the newest --keep-runs.',
    'A ref whose commit is in no branch and on no remote keeps its run, if somebody resolved conflicts in it.',
    'Exit codes: 0 done, 2 wrong use.',
  ].join('\n'),
  example: 'forget --keep-days 30 --keep-runs 20',
  options: [
    { flags: '--keep-days <count>', description: 'younger runs stay', default: '30' },
    { flags: '--keep-runs <count>', description: 'so many of the newest stay, however old', default: '20' },
  ],
  tolerated: true,
  run: forgetOld,
};

interface OldRun {
  readonly run: RunKey;
  /** Milliseconds since 1970. */
  readonly at: number;
}

async function forgetOld(context: Context, options: OptionValues): Promise<Finding> {
  const keepDays = wholeNumber('metrics_emit_failed', options, 'keep-days');
  const keepRuns = wholeNumber('metrics_emit_failed', options, 'keep-runs');
  const { repository } = context;
  const runs = (await allRuns(repository)).sort((one, other) => other.at - one.at);
  const before = context.now() - keepDays * 24 * 60 * 60 * 1000;
  const old = runs.slice(keepRuns).filter(({ run, at }) => at < before && run !== context.run);
  const forgotten: string[] = [];
  const kept: { run: string; refs: string[] }[] = [];
  for (const { run } of old) {
    const refs = await refsOf(repository, run);
    const precious = await preciousOf(repository, refs);
    if (precious.length > 0) {
      kept.push({ run, refs: precious });
      continue;
    }
    if (!context.dryRun && !(await forgetRun(repository, run, refs))) continue;
    forgotten.push(run);
  }
  const would = context.dryRun ? 'would forget ' : 'forgot ';
  return {
    summary: `${would}${counted(forgotten.length, 'run')} of ${runs.length}; ${kept.length} hold work that has not landed`,
    report: { keep_days: keepDays, keep_runs: keepRuns, forgotten, kept },
  };
}

async function allRuns(repository: Repository): Promise<OldRun[]> {
  const top = join(runDirectory(repository, '' as RunKey), '.');
  const entries = await readdir(top, { withFileTypes: true }).catch(() => []);
  const runs: OldRun[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const report = await readReport(join(top, entry.name, REPORT_FILES.env_scan)).catch(() => null);
    const at = Date.parse(String(report?.['timestamp']));
    // One without a scan has nothing to go back to, and is as old as can be.
    runs.push({ run: entry.name as RunKey, at: Number.isNaN(at) ? 0 : at });
  }
  return runs;
}

interface OwnRef {
  readonly name: string;
  readonly id: string;
}

async function refsOf(repository: Repository, run: RunKey): Promise<OwnRef[]> {
  const names = OWN_REF_KINDS.map((kind) => `refs/planwright/${kind}/${run}`);
  const answer = await gitIn(repository, [
    'for-each-ref',
    '--format=%(refname) %(objectname)',
    '--',
    ...names,
  ]);
  return line(answer)
    .split('\n')
    .filter(Boolean)
    .map((row) => {
      const [name = '', id = ''] = row.split(' ');
      return { name, id };
    });
}

/** Refs whose commits are nowhere else and cannot be made again from what is. */
async function preciousOf(repository: Repository, refs: readonly OwnRef[]): Promise<string[]> {
  const precious: string[] = [];
  for (const { name, id } of refs) {
    const elsewhere = ['--branches', '--tags', '--remotes'];
    const unknown = line(await gitIn(repository, ['rev-list', '--max-count=2', id, '--not', ...elsewhere]));
    const commits = unknown.split('\n').filter(Boolean);
    if (commits.length === 0) continue;
    // A merge as git left it, of two commits that are elsewhere: made again by merging again.
    const message = line(await gitIn(repository, ['log', '-1', '--format=%B', id]));
    if (commits.length === 1 && `${message.trimEnd()}\n` === UNFINISHED) continue;
    precious.push(name);
  }
  return precious;
}

async function forgetRun(repository: Repository, run: RunKey, refs: readonly OwnRef[]): Promise<boolean> {
  const lock = await takeRun(repository, run, 0);
  if (lock === null) return false; // somebody is at work in it
  try {
    const gone = Object.fromEntries(refs.map(({ name }) => [name, null]));
    await setOwnRefs(repository, gone, `${run} is forgotten`, 'metrics_emit_failed');
    await rm(runDirectory(repository, run), { recursive: true, force: true });
    return true;
  } finally {
    await lock.release();
  }
}
