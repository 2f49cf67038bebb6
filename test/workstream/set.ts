/**
 * The set of workstreams that tests load: our own, or the one that PLANWRIGHT_REFERENCE_DATA names, which has the same facts.
 */
import { join } from 'node:path';
import { readSet } from '../../src/workstream/load/read-folder.js';
import { loadSet, type LoadedSet } from '../../src/workstream/load/load-set.js';
import { planSet, type SetPlan } from '../../src/workstream/plan-set.js';
import type { Workstream } from '../../src/workstream/workstream.js';
import { root } from '../checkout.js';

const reference = process.env['PLANWRIGHT_REFERENCE_DATA'] ?? '';

export const setFolder =
  reference === '' ? join(root, 'workstreams', 'example') : join(reference, 'workstreams');

export const readWholeSet = (): Promise<LoadedSet> => readSet({ path: setFolder });

/** A bundle with what every bundle needs. */
export const bundle = (id: string, more: object = {}): Record<string, unknown> => ({
  id,
  openspec_change: 'X-1',
  ccpm_issue: 'TBD',
  gate: 1,
  files_scope: [`${id}.txt`],
  tasks: ['Write it'],
  tool: 'aider',
  ...more,
});

/** Loads bundles from texts or objects, by file name. */
export const loadTexts = (files: Readonly<Record<string, unknown>>, strict = false): Promise<LoadedSet> =>
  loadSet({
    files: Object.keys(files),
    strict,
    readText: (file) => {
      const text = files[file];
      if (text instanceof Error) throw text;
      return typeof text === 'string' ? text : JSON.stringify(text);
    },
  });

/** Workstreams of a graph: `{ a: [], b: ['a'] }`; ids get their "ws-". */
export async function workstreamsOf(
  graph: Readonly<Record<string, readonly string[] | Record<string, unknown>>>,
): Promise<Workstream[]> {
  const files = Object.entries(graph).map(([name, more]): [string, unknown] => [
    `ws-${name}.json`,
    bundle(
      `ws-${name}`,
      'length' in more ? { depends_on: (more as string[]).map((on) => `ws-${on}`) } : more,
    ),
  ]);
  const set = await loadTexts(Object.fromEntries(files));
  if (set.malformed.length > 0) throw new Error(JSON.stringify(set.malformed));
  return set.bundles.map(({ workstream }) => workstream);
}

export const planOfSet = (workstreams: readonly Workstream[], maxWaveParallelism = 3): SetPlan =>
  planSet(workstreams, { maxWaveParallelism });
