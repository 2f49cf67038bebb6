/**
 * What the runs on a repository know of its workstreams.
 */
import { realpath } from 'node:fs/promises';
import { readSetNote } from '../../record/set-report.js';
import { hasWorkstreams, reportOf } from '../../workstream/report/from-record.js';
import { verdictsOf, type RunVerdict } from '../../workstream/status.js';
import { PlanwrightError } from '../errors.js';
import type { Link } from '../link.js';
import { listRuns } from '../list-runs.js';
import { readRun } from '../read-run.js';
import { SET_PLAN } from './run-set.js';

/** So many runs are looked at, the newest. A record is read in a moment. */
const LOOKED_AT = 2_000;

/**
 * Returns the newest word of a run on each workstream. Starts no server: where none is, closed runs alone are heard.
 */
export async function runVerdicts(link: Link, root: string): Promise<ReadonlyMap<string, RunVerdict>> {
  const here = await realName(root);
  const { runs, isOffline } = await listRuns(link, { plan: SET_PLAN, limit: LOOKED_AT });
  const verdicts = new Map<string, RunVerdict>();
  for (const { run_id: runId, state } of runs) {
    if (isOffline && state === 'running') {
      link.tell(`run ${runId} is open, and the Temporal server that knows it does not run: planwright up`);
      continue;
    }
    let found: RunVerdicts | null;
    try {
      found = await verdictsOfRun(link, runId);
    } catch (error) {
      if (!(error instanceof PlanwrightError)) throw error;
      link.tell(`left out of the statuses: ${error.message}`);
      continue;
    }
    if (found === null || (await realName(found.root)) !== here) continue;
    for (const [id, verdict] of found.verdicts) {
      const other = verdicts.get(id);
      if (other === undefined || (verdict.open && !other.open)) verdicts.set(id, verdict);
    }
  }
  return verdicts;
}

export interface RunVerdicts {
  readonly root: string;
  readonly verdicts: ReadonlyMap<string, RunVerdict>;
}

/** Returns what one run says of its workstreams; null of a run without any. */
export async function verdictsOfRun(link: Link, runId: string): Promise<RunVerdicts | null> {
  const { record } = await readRun(link, runId);
  if (!hasWorkstreams(record)) return null;
  return { root: record.origin.root, verdicts: verdictsOf(reportOf(record, readSetNote(link.home, runId))) };
}

const realName = (path: string): Promise<string> => realpath(path).catch(() => path);
