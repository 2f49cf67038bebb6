/**
 * From a folder of bundles to what would be run: loaded, chosen, planned. Starts nothing.
 */
import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { isMissing } from '../../os/json-file.js';
import { readSet, workstreamFolder } from '../../workstream/load/read-folder.js';
import type { LoadedSet } from '../../workstream/load/load-set.js';
import { planSet, type SetPlan } from '../../workstream/plan-set.js';
import { selectWorkstreams, unknownMessage, type Selection } from '../../workstream/select.js';
import { PlanwrightError } from '../errors.js';
import { settingsInForce, type SettingsInForce } from './settings-file.js';

export interface SetOptions {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** The repository; `cwd` unless said. */
  readonly root?: string;
  /** A folder of bundles or one bundle file; the repository's own folder unless said. */
  readonly path?: string;
  /** A configuration file. */
  readonly config?: string;
  /** Ids or patterns; empty: all. */
  readonly only?: readonly string[];
  readonly strict?: boolean;
  /** How many run at once; the configuration's number unless said. */
  readonly maxWorkers?: number;
}

export interface PreparedSet {
  readonly root: string;
  /** As the person would name it. */
  readonly folder: string;
  readonly inForce: SettingsInForce;
  readonly set: LoadedSet;
  readonly selection: Selection;
  readonly plan: SetPlan;
  readonly maxWorkers: number;
}

/**
 * Prepares a set.
 *
 * @throws PlanwrightError `bad-request` when the folder is not there or nothing in it is what was asked for; PlanError for
 *   a wrong configuration
 */
export async function prepareSet(options: SetOptions): Promise<PreparedSet> {
  const { home, env, cwd, only = [], strict = false } = options;
  const root = resolve(cwd, options.root ?? '.');
  const inForce = await settingsInForce({
    home,
    root,
    cwd,
    ...(options.config === undefined ? {} : { named: options.config }),
  });
  const { execution, dag } = inForce.settings;
  const path =
    options.path === undefined
      ? workstreamFolder(root, env, execution.workstream_dir)
      : resolve(cwd, options.path);
  const folder = relative(cwd, path) || '.';
  await mustExist(path, folder);
  const set = shortened(await readSet({ path, pattern: execution.workstream_pattern, strict }), cwd);
  if (set.bundles.length + set.malformed.length === 0) {
    throw new PlanwrightError('bad-request', `there is no workstream in "${folder}"`, [
      `files are looked for that are named like ${execution.workstream_pattern}`,
    ]);
  }
  const workstreams = set.bundles.map(({ workstream }) => workstream);
  const selection = selectWorkstreams(workstreams, set.blocked, only.length === 0 ? null : only);
  if (selection.unknown.length > 0) {
    throw new PlanwrightError('bad-request', selection.unknown.map(unknownMessage).join('\n'), [
      `planwright workstream list ${folder}`,
    ]);
  }
  const maxWorkers = options.maxWorkers ?? execution.max_workers;
  const plan = planSet(selection.chosen, { maxWaveParallelism: dag.max_wave_parallelism });
  return { root, folder, inForce, set, selection, plan, maxWorkers };
}

/** Names files as the person would. */
function shortened(set: LoadedSet, cwd: string): LoadedSet {
  const short = <T extends { readonly file: string }>(one: T): T => ({
    ...one,
    file: relative(cwd, one.file) || one.file,
  });
  return {
    ...set,
    bundles: set.bundles.map(short),
    malformed: set.malformed.map(short),
    problems: set.problems.map(short),
  };
}

async function mustExist(path: string, shown: string): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    const why = isMissing(error) ? 'it is not there' : error instanceof Error ? error.message : String(error);
    throw new PlanwrightError('bad-request', `the folder of workstreams "${shown}" cannot be read: ${why}`, [
      'name a folder or a file: planwright workstream plan <path>',
      'or say which repository has them: --root <repository>',
    ]);
  }
}
