/**
 * The patches of workstreams, as other steps take them on: read from what the steps left as outputs.
 */
import type { PatchToMerge } from '../activities/workstream/api.js';
import type { Json, WorkstreamId } from '../plan/plan.js';
import type { ConditionStep } from '../plan/run.js';

/** A change that was captured, among a step's outputs. */
export type PatchOutput = {
  /** Its private ref is `refs/planwright/patches/<id>`. */
  readonly id: string;
  readonly commit: string;
  /** The commit it was made on. */
  readonly base: string;
  /** Of the patch file, hex. */
  readonly sha256: string;
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
};

/** What a workstream came to, for those that take its patch; null while it goes on. */
export type WorkstreamEnd =
  | { readonly kind: 'patch'; readonly patch: PatchOutput }
  | { readonly kind: 'nothing-to-land' | 'failed' }
  | null;

/** @param seen - null for a step that is not in this run: what a slice leaves out counts as met */
export function endOf(seen: ConditionStep | null): WorkstreamEnd {
  if (seen === null) return { kind: 'nothing-to-land' };
  const patch = patchIn(seen.outputs);
  if (patch !== null) return { kind: 'patch', patch };
  switch (seen.state) {
    case 'pending':
    case 'running':
      return null;
    case 'succeeded':
      return { kind: 'nothing-to-land' };
    default:
      return { kind: 'failed' };
  }
}

/** Returns the patches of workstreams that left any, in their order, each once. */
export const startingPatches = (
  workstreams: readonly WorkstreamId[],
  stepOf: (step: string) => ConditionStep | null,
): PatchToMerge[] =>
  [...new Set(workstreams)].flatMap((workstream) => {
    const end = endOf(stepOf(workstream));
    return end?.kind === 'patch' ? [{ id: end.patch.id, commit: end.patch.commit, workstream }] : [];
  });

function patchIn({ patch }: Readonly<Record<string, Json>>): PatchOutput | null {
  const isPatch = typeof patch === 'object' && patch !== null && 'commit' in patch;
  return isPatch ? (patch as unknown as PatchOutput) : null;
}
