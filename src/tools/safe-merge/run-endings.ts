/**
 * The last word on runs that had none of their own: canceled between two steps, timed out, ended with their worker or
 * terminated. The engine's record says what became of them; the next run that begins in the repository reads it there.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../os/paths.js';
import { isRunId, runDirectory as engineDirectory, stateHome } from '../../home.js';
import { readJson } from '../../os/json-file.js';
import { branchName, remoteName } from '../git/names.js';
import { appendEvent, eventOf } from './events.js';
import { invokerOf } from './outcome.js';
import { type Ending, RUN_REPORT, writeRunReport } from './report.js';
import { idle } from './run-lock.js';
import { eventsFile, readReport, REPORT_FILES, runDirectory, type RunKey } from './state.js';
import type { Target } from './target.js';
import type { Context } from './tool.js';

type Place = Pick<Context, 'repository' | 'env' | 'now'>;

/**
 * Adds the final event and the report of each such run; `run` is at work and has time.
 *
 * @returns the runs
 */
export async function tellEndings(place: Place, run: RunKey): Promise<string[]> {
  const { repository, env } = place;
  const told: string[] = [];
  for (const name of await readdir(runDirectory(repository, '' as RunKey)).catch(() => [])) {
    const one = name as RunKey;
    const directory = runDirectory(repository, one);
    if (one === run || (await exists(join(directory, RUN_REPORT)))) continue;
    const ending = endingOf(env, one);
    const target = ending === null ? null : await targetOf(directory);
    if (ending === null || target === null) continue;
    const lock = await idle(repository, one);
    if (lock === null) continue; // one more tool of it is still dying
    try {
      await tell(place, one, target, ending);
      told.push(one);
    } finally {
      await lock.release();
    }
  }
  return told;
}

async function tell(
  { repository, env, now }: Place,
  run: RunKey,
  target: Target,
  ending: Ending,
): Promise<void> {
  const event = eventOf(
    {
      run,
      branch: target.branch,
      phase_id: 6,
      phase_name: 'run_ended',
      step: ending.step ?? '',
      status: ending.state === 'succeeded' ? 'success' : 'failed',
      reason_code: ending.reason,
      details: {
        state: ending.state,
        message: ending.message,
        duration_seconds: ending.seconds,
        lease: { waited_ms: ending.leaseWaitMs },
        ended_at: ending.endedAt,
      },
      invoker: invokerOf(env),
    },
    now(),
  );
  await appendEvent(eventsFile(repository), event);
  const directory = runDirectory(repository, run);
  await writeRunReport({ directory, run, target }, directory, ending); // last: where it is, the event is, too
}

/** As far as we need the engine's summary of a run. */
interface Head {
  readonly state?: unknown;
  readonly createdAt?: unknown;
  readonly endedAt?: unknown;
  readonly failedStep?: unknown;
  readonly message?: unknown;
  readonly leases?: unknown;
}

/** What the engine's record says of a closed run; null when it is open, or was none of its runs. */
function endingOf(env: NodeJS.ProcessEnv, run: string): Ending | null {
  if (!isRunId(run)) return null;
  const summary = readJson(join(engineDirectory(stateHome(env), run), 'summary.json'));
  const head = (summary as { head?: Head } | null)?.head;
  if (typeof head?.state !== 'string' || typeof head.endedAt !== 'number') return null;
  const { state, endedAt, createdAt } = head;
  const reason = state === 'succeeded' ? '' : state === 'canceled' ? 'canceled' : 'interrupted';
  return {
    state,
    reason,
    step: typeof head.failedStep === 'string' ? head.failedStep : null,
    message: typeof head.message === 'string' ? head.message : null,
    endedAt: new Date(endedAt).toISOString(),
    seconds: typeof createdAt === 'number' ? (endedAt - createdAt) / 1000 : null,
    leaseWaitMs: waitOf(head.leases),
  };
}

function waitOf(leases: unknown): number {
  const uses = Array.isArray(leases) ? (leases as { askedAt?: unknown; grantedAt?: unknown }[]) : [];
  return uses.reduce(
    (sum, { askedAt, grantedAt }) =>
      typeof askedAt === 'number' && typeof grantedAt === 'number' ? sum + grantedAt - askedAt : sum,
    0,
  );
}

/** What the run was about, as its scan noted it. */
async function targetOf(directory: string): Promise<Target | null> {
  const report = await readReport(join(directory, REPORT_FILES.env_scan)).catch(() => null);
  const { branch, remote, source } = (report?.['target'] ?? {}) as {
    branch?: unknown;
    remote?: unknown;
    source?: { kind?: unknown; branch?: unknown };
  };
  if (typeof branch !== 'string' || typeof remote !== 'string' || typeof source?.branch !== 'string')
    return null;
  try {
    const kind = source.kind === 'local' ? 'local' : 'remote';
    return {
      branch: branchName(branch),
      remote: remoteName(remote),
      source: { kind, branch: branchName(source.branch) },
    };
  } catch {
    return null; // not as we write it
  }
}
