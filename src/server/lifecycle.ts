/**
 * `up` and `down`: the server and the worker of a state directory, together.
 */
import { RUN_WORKFLOW } from '../workflows/api.js';
import { JOB_WORKFLOW } from '../workflows/job-api.js';
import { countOpen } from './ask.js';
import { ensureWorker, stopWorker, type WorkerPresence } from './background-worker.js';
import { stopServer, type World } from './embedded.js';
import { stateOfServer, type ServerRecord } from './server-record.js';
import { connectTarget, embeddedTarget, type Target } from './target.js';
import { workerRecords } from './worker-record.js';

export interface Up {
  readonly target: Target;
  readonly worker: WorkerPresence;
}

/**
 * Makes sure that a server answers and a worker serves it. Where both must be started, both start at once.
 *
 * @throws SetupError with what was found and what helps
 */
export async function up(world: World): Promise<Up> {
  const early: Promise<unknown>[] = [];
  const target = await connectTarget({
    ...world,
    onAddress: (address, namespace) => {
      const started = ensureWorker(world, embeddedTarget({ address, namespace, webUi: '' }));
      early.push(started.catch(() => {})); // the same is asked for below, and fails there
    },
  });
  await Promise.all(early);
  return { target, worker: await ensureWorker(world, target) };
}

export interface DownOptions {
  /** Ends running steps at once, instead of letting them finish. */
  readonly force: boolean;
  readonly keepServer: boolean;
}

export interface Down {
  /** Clusters whose background worker was stopped; null: the embedded server's. */
  readonly workers: readonly (string | null)[];
  readonly server: ServerRecord | null;
  /** Runs that were open on the embedded server, or null when it did not say: they go on at the next `up`. */
  readonly openRuns: number | null;
  /** The same of jobs, of all queues. */
  readonly openJobs: number | null;
}

/** Stops all background workers of this state directory, then its server. A cluster elsewhere is left alone. */
export async function down(world: World, { force, keepServer }: DownOptions): Promise<Down> {
  const workers = [];
  for (const { cluster } of workerRecords(world.home)) {
    if ((await stopWorker(world, cluster, { force })) > 0) workers.push(cluster);
  }
  const state = await stateOfServer(world.home);
  // Counted once no worker can end one any more.
  const open = async (type: string): Promise<number | null> =>
    state.kind === 'answers' ? countOpen(state.record.address, state.record.namespace, type) : null;
  const [openRuns, openJobs] = await Promise.all([open(RUN_WORKFLOW), open(JOB_WORKFLOW)]);
  return { workers, server: keepServer ? null : await stopServer(world), openRuns, openJobs };
}
