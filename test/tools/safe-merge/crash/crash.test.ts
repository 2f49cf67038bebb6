/**
 * Whatever is killed wherever: the next run ends merged or as before, and leaves no lock.
 *
 * Here a sample; `npm run test:crash` plays every point, and needs strace.
 */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { sandbox } from '../../git/support/sandbox.js';
import { buildProgram, type Program } from '../support/program.js';
import { crash, hasStrace, type Point, record, shown } from './points.js';
import { decisionSite, mergeSite, nestedSite, rollbackSite, type Site, siteOf } from './sites.js';

const ALL = process.env['CRASH_TESTS'] === 'all';
/** How many points of each site the sample has. */
const SAMPLE = 2;
/** How many stand ready for a point of the sample that is not come by when it is played. */
const STAND_INS = 5;
/** Plays only points whose description holds this: for whoever looks into a failure (a site: `-t guarded_push`). */
const ONLY = process.env['CRASH_ONLY'] ?? '';

const SITES: Readonly<Record<string, (at: string) => ReturnType<typeof nestedSite>>> = {
  git_fetch: (at) => mergeSite(at, 'git_fetch'),
  git_merge: (at) => mergeSite(at, 'git_merge'),
  timestamp_resolver: (at) => mergeSite(at, 'timestamp_resolver'),
  ai_conflict_resolver: (at) => mergeSite(at, 'ai_conflict_resolver'),
  conflict_settle: (at) => decisionSite(at, 'conflict_settle'),
  merge_gate: (at) => decisionSite(at, 'merge_gate'),
  guarded_push: (at) => mergeSite(at, 'guarded_push'),
  rollback: rollbackSite,
  'nested_repos_normalize --apply': nestedSite,
};

const box = sandbox();
let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => program.remove());

test.runIf(ALL || process.env['CI'])('strace is there', () => {
  expect(hasStrace(), 'the crash tests need strace (Debian: apt-get install strace)').toBe(true);
});

/** Programs of the other side of a push: a kill there is the remote's, and may leave it in need of its owner. */
const REMOTE = /^(receive-pack|git-receive-pack|unpack-objects|index-pack|rev-list|upload-pack)\./;

describe.skipIf(!hasStrace())('killed at a system call of', () => {
  for (const [name, make] of Object.entries(SITES)) {
    test(
      name,
      async () => {
        const site = await siteOf(name, join(program.bin, 'planwright-merge'), box.folder(), make);
        const found = (await record(site.stage)).filter((point) => shown(point).includes(ONLY));
        const points = ALL ? found.map((point) => [point]) : sampled(found);
        expect(points.length).toBeGreaterThan(0);
        const failures: string[] = [];
        let killed = 0;
        for (const candidates of points) {
          for (const alone of ALL && candidates[0]!.call !== 'tool' ? [false, true] : [!ALL]) {
            const failure = await playedFirst(site, candidates, alone);
            if (failure === 'not killed') continue;
            killed += 1;
            if (failure === null) continue;
            failures.push(failure);
            if (ALL) console.error(failure); // the rest takes minutes
          }
        }
        if (ALL) console.log(`${name}: ${found.length} points, killed ${killed} times`);
        expect(failures.join('\n\n')).toBe('');
        // Some calls are not made each time (a race between two gits): most are.
        expect(killed).toBeGreaterThan(points.length / 2);
      },
      ALL ? 3_600_000 : 300_000,
    );
  }
});

/** Points from all over the site, each with those that follow it. */
function sampled(points: readonly Point[]): Point[][] {
  const step = Math.max(1, Math.floor(points.length / SAMPLE));
  return points.flatMap((_, index) =>
    index % step === Math.floor(step / 2) ? [points.slice(index, index + STAND_INS)] : [],
  );
}

/** Plays the first of several points that is come by again: some calls are not made each time (a race between two gits). */
async function playedFirst(site: Site, points: readonly Point[], alone: boolean): Promise<string | null> {
  for (const point of points) {
    const failure = await played(site, point, alone && point.call !== 'tool');
    if (failure !== 'not killed') return failure;
  }
  return 'not killed';
}

async function played(site: Site, point: Point, alone: boolean): Promise<string | null> {
  site.reset();
  const ran = await crash(site.stage, point, alone);
  if (!ran.killed) return 'not killed';
  try {
    await site.again(REMOTE.test(point.call));
    return null;
  } catch (error) {
    const how = alone ? 'git alone' : 'everything';
    return `${site.name} ${shown(point)} (${how}): ${(error as Error).message.slice(0, 1500)}`;
  }
}
