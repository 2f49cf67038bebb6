/**
 * A hundred patches through the real landing: a server, a worker, a git repository, work trees, and a gate of two seconds that is
 * red for no reason 1 time in 20. `node scripts/run-ts.mjs bench/landing-hundred.ts [seed]`, some ten minutes.
 *
 * The same patches land twice, with 8 slots and one by one, in a repository each. Which are bad and which conflict is the
 * day of `test/landing/hundred.ts`; accidents of the gate are real ones.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { landingOrder } from '../src/landing/order.js';
import type { Policy } from '../src/landing/policy.js';
import type { StepId } from '../src/plan/plan.js';
import { TASK_QUEUE } from '../src/workflows/api.js';
import {
  LANDING_WORKFLOW,
  landingId,
  type LandingInput,
  type LandingPatch,
  type LandingReport,
} from '../src/workflows/landing-api.js';
import { GATED, HELD_OUT_FROM, hundred } from '../test/landing/hundred.js';
import { serialTruth } from '../test/landing/world.js';
import { slotSeconds, slotText } from './landing-timeline.js';
import { workerSec } from './processor.js';
import { Planwright } from './programs.js';

const BRANCH = 'refs/heads/main';
const FLAKE_RATE = 13 / 256;
/** Red with a bad patch in the tree, and 13 times in 256 for nothing. */
const GATE = `sleep 2; test -z "$(ls bad 2>/dev/null)" && test "$(od -An -N1 -tu1 /dev/urandom)" -ge 13`;

const truth = hundred(Number(process.argv[2] ?? HELD_OUT_FROM));
const bad = new Set(truth.breaks.flatMap(({ all }) => all));
const shouldLand = serialTruth(truth, landingOrder(truth.patches));
const folder = mkdtempSync(join(tmpdir(), 'planwright-bench-'));
const ours = new Planwright(join(folder, 'home'));

interface Shop {
  readonly root: string;
  readonly base: string;
  readonly patches: readonly LandingPatch[];
}

/** A repository with all patches as commits on private refs, as `capture-patch` leaves them. */
function repository(name: string): Shop {
  const root = join(folder, name);
  mkdirSync(root);
  const git = (args: readonly string[], input = ''): string =>
    execFileSync('git', ['-c', 'user.name=B', '-c', 'user.email=b@example.invalid', ...args], {
      ...{ cwd: root, encoding: 'utf8', input },
    }).trim();
  git(['init', '--quiet', '--initial-branch=main']);
  git(['commit', '--quiet', '--allow-empty', '--message=begin']);
  const base = git(['rev-parse', 'HEAD']);
  const conflictOf = new Map(truth.conflicts.map(([first, second]) => [second, first]));
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const orders = truth.patches.map(({ id }) => {
    const file = bad.has(id) ? `bad/${id}` : `files/${conflictOf.get(id) ?? id}`;
    return [
      `commit refs/planwright/patches/bench/${id}\ncommitter B <b@example.invalid> 1700000000 +0000\n`,
      `${data(id)}from ${base}\nM 100644 inline ${file}\n${data(id)}\n`,
    ].join('');
  });
  git(['fast-import', '--quiet'], orders.join(''));
  const patches = truth.patches.map((patch): LandingPatch => {
    const patchId = `bench/${patch.id}`;
    const commit = git(['rev-parse', `refs/planwright/patches/${patchId}`]);
    return { ...patch, patchId, commit, base, sha256: '0'.repeat(64), title: patch.id };
  });
  return { root, base, patches };
}

async function land(
  client: Client,
  name: string,
  policy: Policy,
): Promise<{ perMinute: number; gateRuns: number }> {
  const { root, base, patches } = repository(name);
  const input: LandingInput = {
    ...{ runId: name, step: 'landing' as StepId, root, branch: BRANCH, base, setup: [], minFreeBytes: 0 },
    gates: [{ name: 'unit', command: GATE, timeoutSec: 600, blocking: true }],
    ...{ policy, runsOn: null, workstreams: patches.map(({ id }) => id), known: { patches, absent: {} } },
  };
  const cpu = workerSec(ours.home);
  const before = performance.now();
  const report = (await client.workflow.execute(LANDING_WORKFLOW, {
    ...{ workflowId: landingId(name), taskQueue: TASK_QUEUE, args: [input] },
  })) as LandingReport;
  const seconds = (performance.now() - before) / 1000;
  const landed = patches.filter(({ id }) => report.fates[id]?.fate.kind === 'landed').map(({ id }) => id);
  const log = execFileSync('git', ['rev-list', '--count', `${base}..${BRANCH}`], {
    cwd: root,
    encoding: 'utf8',
  });
  if (Number(log) !== landed.length) throw new Error(`${landed.length} landed, the branch has ${log.trim()}`);
  const gateRuns = report.gateRuns.length + report.gateRunsOmitted;
  const runMs = report.gateRuns.reduce((sum, run) => sum + run.endedAt - run.startedAt, 0) / gateRuns;
  const dropped = shouldLand.filter((id) => !landed.includes(id));
  const wrong = landed.filter((id) => !shouldLand.includes(id));
  console.log(
    `${name}: ${seconds.toFixed(0)} s, ${landed.length} landed, ${((landed.length / seconds) * 60).toFixed(1)} a minute; ` +
      `${gateRuns} gate runs of ${(runMs / 1000).toFixed(2)} s; ${dropped.length} innocents dropped, ${wrong.length} bad ones landed; ` +
      `processor time of the worker ${(workerSec(ours.home) - cpu).toFixed(0)} s; load ${loadavg()[0]!.toFixed(1)}`,
  );
  const history = await client.workflow.getHandle(landingId(name)).fetchHistory();
  console.log(`  slot-seconds: ${slotText(slotSeconds(history, policy.slots))}`);
  return { perMinute: (landed.length / seconds) * 60, gateRuns };
}

try {
  await ours.command('up');
  const { address } = JSON.parse(readFileSync(join(ours.home, 'server.json'), 'utf8')) as { address: string };
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  console.log(`${truth.patches.length} patches, ${bad.size} bad, ${truth.conflicts.length} conflicting`);
  const quick = await land(client, '8-slots', { ...GATED, slots: 8 });
  const serial = await land(client, 'one-by-one', { ...GATED, slots: 1, maxBatch: 1, minUse: 1 });
  const oracle = shouldLand.length / (1 - FLAKE_RATE);
  console.log(`${(quick.perMinute / serial.perMinute).toFixed(2)} times as quick as one by one`);
  console.log(
    `${(quick.gateRuns / oracle).toFixed(2)} times the gate runs of one who knows the culprits (${oracle.toFixed(0)})`,
  );
  await connection.close();
} finally {
  await ours.command('down', '--force').catch((error: unknown) => console.error(error));
  rmSync(folder, { recursive: true, force: true });
}
