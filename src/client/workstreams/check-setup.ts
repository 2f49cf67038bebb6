/**
 * What a run of workstreams stands on, looked at before one is started. Starts and changes nothing.
 */
import { stateFolder } from '../../server/doctor-machine.js';
import { failure, ok, type Finding } from '../../server/finding.js';
import { PlanError, PlanwrightError } from '../errors.js';
import type { Link } from '../link.js';
import { readWorkerPool, type WorkerPool } from '../worker-pool.js';
import { SETTINGS_FILES, settingsFileOf, settingsInForce } from './settings-file.js';

/** Returns the findings in the order in which one would look: the configuration, its gates, the state directory, the workers. */
export async function checkSetup(home: string, root: string, link: Link): Promise<readonly Finding[]> {
  return [...(await configuration(home, root)), stateFolder(home), workersOf(await readWorkerPool(link))];
}

async function configuration(home: string, root: string): Promise<readonly Finding[]> {
  const what = 'configuration';
  const file = settingsFileOf(root);
  const make = `planwright workstream setup --root ${root}`;
  if (file === null)
    return [
      failure('paths', what, `there is none: neither ${SETTINGS_FILES.join(' nor ')} in ${root}`, make),
    ];
  try {
    const { settings } = await settingsInForce({ home, root, cwd: root });
    const names = settings.gates.map(({ name }) => name);
    return [
      ok('paths', what, file),
      ok('paths', 'gates', names.length === 0 ? 'none: what lands is not tested' : names.join(', ')),
    ];
  } catch (error) {
    if (!(error instanceof PlanwrightError)) throw error;
    const [first] = error instanceof PlanError ? error.problems : [];
    const says = first === undefined ? error.message : `${file} is not valid: ${first.message}`;
    return [failure('paths', what, says, error.remedies.join('\n') || 'correct it, then the same again')];
  }
}

function workersOf({ workers, counts }: WorkerPool): Finding {
  const there = workers.filter(({ state }) => state !== 'TERMINATED');
  if (there.length === 0) return ok('worker', 'workers', 'none yet: the first run starts one');
  const found = `${counts.IDLE} idle of ${there.length}`;
  const canTake = there.some(({ state, paused, slots }) => {
    const isFree = state === 'IDLE' || state === 'SPAWNING' || (state === 'BUSY' && (slots?.free ?? 0) > 0);
    return isFree && !paused;
  });
  return canTake
    ? ok('worker', 'workers', found)
    : failure('worker', 'workers', `${found}, and none takes more`, 'planwright worker list');
}
