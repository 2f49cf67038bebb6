/**
 * What a workstream leaves among a step's outputs: enough for those that take its patch on, for the ledger and for the
 * report, and short enough for a history.
 */
import type { WorkstreamEnded } from '../activities/workstream/api.js';
import type { Json, WorkstreamWork } from '../plan/plan.js';
import type { PatchOutput } from './patches.js';

const MAX_TEXT = 1_000;
const MAX_ITEMS = 20;

/** Returns what an attempt cost; null when its tool did not say. */
export const usdOf = ({ calls, lostUsd }: WorkstreamEnded): number | null =>
  calls.reduce<number | null>((sum, { cost }) => sumOf(sum, cost.usd), lostUsd ?? null);

export const sumOf = (one: number | null, other: number | null): number | null =>
  one === null ? other : other === null ? one : one + other;

/**
 * Returns the outputs. Of an attempt that failed they are evidence: no other step reads them.
 *
 * @param spentBefore - what earlier attempts cost; null when they did not say, or there were none
 */
export function workstreamOutputs(
  ended: WorkstreamEnded,
  { notExecutable }: WorkstreamWork,
  spentBefore: number | null = null,
): Readonly<Record<string, Json>> {
  const { outcome, trouble, text, patch, ledger, validation, calls, checks, lost, notes } = ended;
  const some = (texts: readonly string[]): string[] =>
    texts.slice(0, MAX_ITEMS).map((one) => one.slice(0, MAX_TEXT));
  const last = calls.at(-1);
  const outputs = {
    outcome,
    patch: patchOf(patch),
    tool: last?.tool ?? null,
    worker: last?.attempt.logs?.host ?? null,
    costUsd: sumOf(spentBefore, usdOf(ended)),
    calls: calls.length,
    checks: checks.slice(-MAX_ITEMS).map(({ name, result, round }) => ({ name, result, round })),
    ledger,
    validation,
    evidence: patch?.evidence?.ref ?? null,
    // Under whose name it can be brought back; an attempt may have left nothing that a patch could hold.
    captured: patch?.id ?? null,
    leftOut: some(patch?.left ?? []),
    lost: lost.slice(0, MAX_ITEMS).map(({ id }) => id),
    notes: some(notes),
    notExecutable: some(notExecutable),
    trouble: trouble?.reason ?? null,
    reason: trouble === null && outcome === 'patched' ? null : text.slice(0, MAX_TEXT),
  };
  return outputs as unknown as Readonly<Record<string, Json>>;
}

function patchOf(patch: WorkstreamEnded['patch']): PatchOutput | null {
  if (patch === null || patch.commit === null) return null;
  const { id, commit, base, sha256, files, insertions, deletions } = patch;
  return { id, commit, base, sha256: sha256 ?? '', files, insertions, deletions };
}
