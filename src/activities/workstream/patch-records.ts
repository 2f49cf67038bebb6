/**
 * Patches on the way from a work tree to the workflow: captured under a free name, told in short, kept in full on this host.
 */
import { join } from 'node:path';
import { writeJson } from '../../os/json-file.js';
import { captureSnapshot, evidenceRef, patchRef, type CapturedPatch } from '../../tools/git/capture-patch.js';
import { fileNameOf } from '../../tools/git/names.js';
import type { OwnWorktree } from '../../tools/git/own-worktree.js';
import { shownPath } from '../../tools/git/path-bytes.js';
import { readRefs } from '../../tools/git/refs.js';
import { takeSnapshot } from '../../tools/git/work-snapshot.js';
import type { PatchSummary } from './api.js';
import { leftOutTexts, shortPath } from './left-out-text.js';
import { allEnded } from '../../os/all-ended.js';

const MAX_PATHS = 50;

export interface Recorded {
  readonly patch: CapturedPatch;
  readonly summary: PatchSummary;
}

export interface RecordRequest {
  readonly runId: string;
  readonly step: string;
  /** Tells captures of one step apart: `2.1` is attempt 2, round 1. */
  readonly name: string;
  /** The step's folder. */
  readonly folder: string;
  readonly message: string;
  readonly isLitter: (path: string) => boolean;
}

/** Captures a work tree and notes everything about it. */
export async function recordPatch(worktree: OwnWorktree, request: RecordRequest): Promise<Recorded> {
  const { runId, step, name, folder, message, isLitter } = request;
  const [id, snapshot] = await allEnded([
    freeId(worktree, `${fileNameOf(runId)}/${step}-${name}`),
    takeSnapshot(worktree, isLitter),
  ]);
  const at = join(folder, 'patches', fileNameOf(id.slice(id.indexOf('/') + 1)));
  const atSec = Math.floor(Date.now() / 1000);
  const patch = await captureSnapshot(worktree, snapshot, { id, file: `${at}.patch`, message, atSec });
  const { entries, leftOut, ...rest } = patch;
  writeJson(`${at}.json`, { format: 1, ...rest, entries, leftOut });
  return { patch, summary: summaryOf(patch, `${at}.json`) };
}

/** A start that was lost may have captured under the same name. */
async function freeId({ repository }: OwnWorktree, id: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const free = n === 1 ? id : `${id}-${n}`;
    if ((await readRefs(repository, [patchRef(free), evidenceRef(free)])).size === 0) return free;
  }
}

export function summaryOf(patch: CapturedPatch, details: string): PatchSummary {
  const {
    id,
    commit,
    ref,
    base,
    tree,
    file,
    sha256,
    bytes,
    insertions,
    deletions,
    hunks,
    entries,
    evidence,
  } = patch;
  return {
    ...{ id, commit, ref, base, tree, file, sha256, bytes, insertions, deletions, hunks, details },
    files: entries.length,
    paths: entries.slice(0, MAX_PATHS).map(({ path }) => shownPath(path)),
    evidence: evidence === null ? null : { ref: evidence.ref, commit: evidence.commit },
    leftOut: patch.leftOut.length,
    left: leftOutTexts(patch),
    dropped: patch.dropped.map(
      (one) =>
        `${one.count} paths (${one.bytes} bytes) were not kept, ${one.reason}: ${one.paths.slice(0, 5).map(shortPath).join(', ')}`,
    ),
  };
}

/** Says whether a capture holds anything at all. */
export const holdsAnything = ({ commit, evidence }: CapturedPatch): boolean =>
  commit !== null || evidence !== null;
