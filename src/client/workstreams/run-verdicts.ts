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

/** So many runs are looked at, the newest: what is further back has been noted, or is done anew. */
const LOOKED_AT = 50;

/**
 * Returns the newest word of a run on each workstream. Starts no server: where none is, closed runs alone are heard.
 */
export async function runVerdicts(link: Link, root: string): Promise<ReadonlyMap<string, RunVerdict>> {
  const here = await realName(root);
  const { runs } = await listRuns(link, { plan: SET_PLAN, limit: LOOKED_AT });
  const verdicts = new Map<string, RunVerdict>();
  for (const { run_id: runId } of runs) {
    let view;
    try {
      view = await readRun(link, runId);
    } catch (error) {
      if (!(error instanceof PlanwrightError)) throw error;
      link.tell(`left out of the statuses: ${error.message}`);
      continue;
    }
    const { record } = view;
    if (!hasWorkstreams(record) || (await realName(record.origin.root)) !== here) continue;
    for (const [id, verdict] of verdictsOf(reportOf(record, readSetNote(link.home, runId)))) {
      const other = verdicts.get(id);
      if (other === undefined || (verdict.open && !other.open)) verdicts.set(id, verdict);
    }
  }
  return verdicts;
}

const realName = (path: string): Promise<string> => realpath(path).catch(() => path);
