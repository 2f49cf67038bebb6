/**
 * What a workstream starts from: its base with the patches of those it depends on, conflicts between them resolved as
 * landing does.
 */
import { resolvedText, type Resolution } from '../../landing/landing.js';
import {
  integratePatches,
  takeInAs,
  type Integrated,
  type PatchToMerge,
} from '../../tools/git/integrate-patch.js';
import { fileNameOf } from '../../tools/git/names.js';
import { withObjects, type Objects } from '../../tools/git/objects.js';
import type { Repository } from '../../tools/git/repository.js';
import { changeTree } from '../../tools/git/tree.js';
import type { WorkstreamTask, WorkstreamTrouble } from './api.js';
import { keepMerge, scratchFolder } from './merge-for-landing.js';
import { NO_RESOLVER, resolveConflicts, type Wanted } from './resolve-conflicts.js';
import type { Bench } from './start-line.js';

export type PutTogether =
  | { readonly kind: 'commit'; readonly commit: string; readonly notes: readonly string[] }
  | { readonly kind: 'trouble'; readonly trouble: WorkstreamTrouble };

/**
 * Puts together what an attempt starts from, and keeps it by a ref of ours. Safe to run twice: it makes the same commits, and
 * an answer of the resolver that was taken is taken again.
 */
export async function putTogether(
  bench: Bench,
  repository: Repository,
  task: WorkstreamTask,
): Promise<PutTogether> {
  const { base, startsWith, runId, step } = task;
  if (startsWith.length === 0) return { kind: 'commit', commit: base, notes: [] };
  const scratch = await scratchFolder(bench.world.home);
  const put = await withObjects(repository, scratch, (objects) => mergeAll(bench, objects, task));
  if (put.kind === 'commit')
    await keepMerge(repository, `refs/planwright/bases/${fileNameOf(runId)}/${step}`, put.commit);
  return put;
}

async function mergeAll(bench: Bench, objects: Objects, task: WorkstreamTask): Promise<PutTogether> {
  const notes: string[] = [];
  let onto = task.base;
  let rest = task.startsWith;
  for (;;) {
    const merged = await integratePatches(objects, onto, rest, 0);
    if (merged.kind === 'merged') return { kind: 'commit', commit: merged.commit, notes };
    const at = rest.findIndex(({ id }) => id === merged.patch);
    const patch = rest[at]!;
    onto = merged.steps.at(-1)?.commit ?? onto;
    const before = task.startsWith.slice(0, task.startsWith.indexOf(patch));
    const others = (await thoseThatChange(objects, before, merged)).map(nameOf);
    const settled = await resolveConflicts(bench, wantedFor(task, patch), objects, merged);
    if ('why' in settled) {
      const { conflict } = merged;
      const trouble = {
        ...({ reason: 'base-conflict', patch: nameOf(patch), others, conflict, why: settled.why } as const),
      };
      return { kind: 'trouble', trouble };
    }
    notes.push(noteOf(nameOf(patch), others, settled.resolved));
    const tree = await changeTree(objects, merged.tree, settled.contents);
    onto = await takeInAs(objects, tree, patch.id, onto, 0);
    rest = rest.slice(at + 1);
  }
}

const wantedFor = ({ runId, help, env }: WorkstreamTask, patch: PatchToMerge): Wanted => ({
  ...{ runId, branch: '', source: nameOf(patch), help: help ?? NO_RESOLVER },
  ...(env === undefined ? {} : { env }),
});

const nameOf = ({ id, workstream }: PatchToMerge): string => workstream ?? id;

/** Those of the patches before it that changed a path in conflict: one of them is the other side. */
async function thoseThatChange(
  objects: Objects,
  before: readonly PatchToMerge[],
  { conflicts }: Extract<Integrated, { kind: 'conflicted' }>,
): Promise<PatchToMerge[]> {
  const paths = new Set(conflicts.map(({ path }) => path));
  const found: PatchToMerge[] = [];
  for (const patch of before) {
    const args = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--no-commit-id'];
    const { stdout } = await objects.git([...args, `${patch.commit}^1`, patch.commit]);
    if (
      stdout
        .toString('latin1')
        .split('\0')
        .some((path) => paths.has(path))
    )
      found.push(patch);
  }
  return found;
}

const noteOf = (patch: string, others: readonly string[], resolved: readonly Resolution[]): string =>
  `what it starts from: ${patch}${others.length === 0 ? '' : ` on top of ${others.join(', ')}`}: ${resolved.map(resolvedText).join('; ')}`;
