/**
 * How long what a run leaves in the repository is kept: by age and number, and never the only copy of something that has
 * not landed and cannot be made again.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gitIn, line, NoRepository, openRepository, type Repository } from '../git/repository.js';
import { UNFINISHED } from './finish-merge.js';
import { handedOn } from './merge-record.js';
import { setOwnRefs } from './own-refs.js';
import { takeRun } from './run-lock.js';
import { OWN_REF_KINDS, readReport, REPORT_FILES, runDirectory, type RunKey, runKey } from './state.js';
import type { Context } from './tool.js';
import { closeWorkshop } from './workshop.js';

export interface Keep {
  /** A run goes when it is older than this, and not among the newest `runs`. */
  readonly days: number;
  readonly runs: number;
  /** So many stay at most, but for those of the last two days. */
  readonly most: number;
}

/** What the next run keeps, and `forget` unless told otherwise. */
export const KEEP: Keep = { days: 30, runs: 20, most: 200 };

export interface Forgotten {
  readonly forgotten: readonly string[];
  /** Old, but something of theirs is nowhere else. */
  readonly kept: readonly { readonly run: string; readonly refs: readonly string[] }[];
  /** How many there were. */
  readonly of: number;
}

export interface Retention {
  readonly keep: Keep;
  /** At most so many go: a merge does not wait for the sins of years. */
  readonly limit: number;
  readonly dryRun: boolean;
}

type Place = Pick<Context, 'repository' | 'env' | 'say' | 'now'>;

const DAY_MS = 24 * 60 * 60 * 1000;

/** Forgets old runs. `run` is held by the caller and stays. */
export async function forgetOldRuns(place: Place, run: RunKey, retention: Retention): Promise<Forgotten> {
  const { keep, limit, dryRun } = retention;
  const runs = (await allRuns(place.repository)).sort((one, other) => other.at - one.at);
  const age = (at: number): number => (place.now() - at) / DAY_MS;
  const old = runs.filter(
    ({ run: one, at }, index) =>
      one !== run && ((index >= keep.runs && age(at) > keep.days) || (index >= keep.most && age(at) > 2)),
  );
  const staying = runs.filter((one) => !old.includes(one)).slice(0, keep.runs);
  const elsewhere = await refsOf(
    place.repository,
    staying.map((one) => one.run),
  );
  const forgotten: string[] = [];
  const kept: { run: string; refs: readonly string[] }[] = [];
  for (const { run: one } of old) {
    if (forgotten.length >= limit) break;
    const precious = await forgetRun(place, one, elsewhere, dryRun);
    if (precious === null) forgotten.push(one);
    else if (precious.length > 0) kept.push({ run: one, refs: precious });
  }
  return { forgotten, kept, of: runs.length };
}

/**
 * Forgets one run of a repository, by the id that the engine gave it: when the engine forgets it, too.
 *
 * @returns whether there was one, and it is gone
 */
export async function forgetRunIn(root: string, id: string, home: string): Promise<boolean> {
  try {
    const repository = await openRepository(root);
    const run = runKey(id);
    const isHere = (await readdir(runDirectory(repository, run)).catch(() => [])).length > 0;
    const place = { repository, env: { PLANWRIGHT_HOME: home }, say: () => undefined, now: () => Date.now() };
    return isHere && (await forgetRun(place, run, [], false)) === null;
  } catch (error) {
    if (error instanceof NoRepository) return false; // moved away, or removed
    throw error;
  }
}

interface Run {
  readonly run: RunKey;
  /** Milliseconds since 1970. */
  readonly at: number;
}

async function allRuns(repository: Repository): Promise<Run[]> {
  const top = join(runDirectory(repository, '' as RunKey), '.');
  const entries = await readdir(top, { withFileTypes: true }).catch(() => []);
  const runs: Run[] = [];
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

async function refsOf(repository: Repository, runs: readonly RunKey[]): Promise<OwnRef[]> {
  const names = runs.flatMap((run) => OWN_REF_KINDS.map((kind) => `refs/planwright/${kind}/${run}`));
  if (names.length === 0) return []; // no name would mean all
  const format = '--format=%(refname) %(objectname)';
  const answer = await gitIn(repository, ['for-each-ref', format, '--', ...names]);
  return line(answer)
    .split('\n')
    .filter(Boolean)
    .map((row) => {
      const [name = '', id = ''] = row.split(' ');
      return { name, id };
    });
}

/** Returns the refs that keep a run, none when somebody is at work in it, or null when it is gone. */
async function forgetRun(
  place: Place,
  run: RunKey,
  elsewhere: readonly OwnRef[],
  dryRun: boolean,
): Promise<readonly string[] | null> {
  const { repository } = place;
  const lock = await takeRun(repository, run, 0);
  if (lock === null) return [];
  try {
    // Somebody may have begun to resolve conflicts there: then it is kept as a ref, and the run with it.
    if (!dryRun) await closeWorkshop({ ...place, run }, 'conflicts');
    const refs = await refsOf(repository, [run]);
    const precious = await preciousOf(repository, run, refs, elsewhere);
    if (precious.length > 0 || dryRun) return precious.length > 0 ? precious : null;
    const gone = Object.fromEntries(refs.map(({ name }) => [name, null]));
    await setOwnRefs(repository, gone, `${run} is forgotten`, 'metrics_emit_failed');
    await rm(runDirectory(repository, run), { recursive: true, force: true });
    return null;
  } finally {
    await lock.release();
  }
}

/** Refs whose commits are nowhere else and cannot be made again from what is. */
async function preciousOf(
  repository: Repository,
  run: RunKey,
  refs: readonly OwnRef[],
  elsewhere: readonly OwnRef[],
): Promise<string[]> {
  const merge = await handedOn(runDirectory(repository, run), 'git_merge').catch(() => null);
  const known = ['--branches', '--tags', '--remotes', ...elsewhere.map(({ id }) => id)];
  const precious: string[] = [];
  for (const { name, id } of refs) {
    const unknown = line(await gitIn(repository, ['rev-list', '--max-count=2', id, '--not', ...known]));
    const commits = unknown.split('\n').filter(Boolean);
    if (commits.length === 0) continue;
    // A merge of two commits that are elsewhere, as git made it: made again by merging again.
    if (commits.length === 1 && (merge?.result === id || (await isUnfinished(repository, id)))) continue;
    precious.push(name);
  }
  return precious;
}

async function isUnfinished(repository: Repository, id: string): Promise<boolean> {
  const message = line(await gitIn(repository, ['log', '-1', '--format=%B', id]));
  return `${message.trimEnd()}\n` === UNFINISHED;
}
