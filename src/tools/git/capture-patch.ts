/**
 * What a tool has made of a work tree, as a patch: a commit on a private ref, a file of bytes, and a list of what it changes.
 *
 * The files are compared with the commit that the work tree was opened at, by an index of our own. Whether the tool committed,
 * staged or stashed has no say.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeCommit, type Person } from './commit.js';
import {
  EVIDENCE_LIMITS,
  storeEvidence,
  type Dropped,
  type Evidence,
  type EvidenceLimits,
} from './evidence.js';
import type { LeftOut } from './evidence.js';
import { blobIdOf } from './blob-id.js';
import type { OwnWorktree } from './own-worktree.js';
import { entriesOf, rawChanges, type PatchEntry, type RawChange } from './patch-entries.js';
import { MAX_LISTING, type OwnGit } from './own-git.js';
import { readPatchFile, type PatchFile } from './patch-file.js';
import { bytesFromPath, fileBytes } from './path-bytes.js';
import { moveRefs, readRef } from './refs.js';
import { gitIn, line, type Repository } from './repository.js';
import { treeOfCommit } from './commit-facts.js';
import { takeSnapshot, type WorkSnapshot } from './work-snapshot.js';
import { allEnded } from '../../os/all-ended.js';

export interface CaptureRequest {
  /** Names its refs: letters, digits and `_ - . /`. */
  readonly id: string;
  /** Where the bytes go. */
  readonly file: string;
  /** What the commit says. */
  readonly message: string;
  /** Seconds since 1970. Given: capturing the same again makes the same commit. */
  readonly atSec: number;
  /** Files of the tool's that are no work: kept apart. */
  readonly isLitter?: (path: string) => boolean;
  readonly limits?: EvidenceLimits;
}

export interface CapturedPatch {
  readonly id: string;
  /** Null: nothing was changed that a patch could hold. */
  readonly ref: string | null;
  readonly commit: string | null;
  readonly base: string;
  readonly baseTree: string;
  /** The work tree as it was, as a tree. */
  readonly tree: string;
  readonly file: string | null;
  readonly bytes: number;
  /** Of the file; null without one. */
  readonly sha256: string | null;
  readonly entries: readonly PatchEntry[];
  readonly insertions: number;
  readonly deletions: number;
  readonly hunks: number;
  /** Paths of the work tree that the patch leaves out. */
  readonly leftOut: readonly LeftOut[];
  /** Their bytes; null when there are none. */
  readonly evidence: Evidence | null;
  /** Of those, what was not kept. */
  readonly dropped: readonly Dropped[];
  /** A commit that the tool made in the work tree, kept with the evidence; null when it made none. */
  readonly toolCommit: string | null;
}

export type CaptureTrouble = 'bad-id' | 'id-taken' | 'empty-patch' | 'does-not-apply' | 'other-tree';

/** A capture that would not hold what the tool wrote; the work tree is as it was. */
export class CaptureFailed extends Error {
  override readonly name = 'CaptureFailed';
  constructor(
    readonly reason: CaptureTrouble,
    message: string,
  ) {
    super(message);
  }
}

/** Who makes commits that only we read. */
export const PLANWRIGHT: Person = { name: 'Planwright', email: 'planwright@localhost' };
const PEOPLE = { author: PLANWRIGHT, committer: PLANWRIGHT };

export const patchRef = (id: string): string => `refs/planwright/patches/${id}`;
export const evidenceRef = (id: string): string => `refs/planwright/evidence/${id}`;

const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]*(\/[A-Za-z0-9][A-Za-z0-9_.-]*)*$/;

/** Says whether a text can name a patch. */
export const isPatchId = (id: string): boolean =>
  ID.test(id) && id.length <= 200 && !id.includes('..') && !/(\.lock|\.)(\/|$)/.test(id);

/**
 * Captures a work tree. Safe to run again: the same files give the same patch.
 *
 * @throws CaptureFailed
 */
export async function capturePatch(worktree: OwnWorktree, request: CaptureRequest): Promise<CapturedPatch> {
  checkId(request.id);
  const snapshot = await takeSnapshot(worktree, request.isLitter ?? (() => false));
  return captureSnapshot(worktree, snapshot, request);
}

/** The same of a snapshot that was taken already; it is discarded. */
export async function captureSnapshot(
  worktree: OwnWorktree,
  snapshot: WorkSnapshot,
  request: Omit<CaptureRequest, 'isLitter'>,
): Promise<CapturedPatch> {
  try {
    checkId(request.id);
    return await capture(worktree, request, snapshot, request.limits ?? EVIDENCE_LIMITS);
  } finally {
    await snapshot.discard();
  }
}

function checkId(id: string): void {
  if (!isPatchId(id)) throw new CaptureFailed('bad-id', `"${id}" cannot name a patch`);
}

async function capture(
  worktree: OwnWorktree,
  request: CaptureRequest,
  snapshot: WorkSnapshot,
  limits: EvidenceLimits,
): Promise<CapturedPatch> {
  const { repository, git, base } = worktree;
  const { id, atSec, message } = request;
  const { tree } = snapshot;
  const baseTree = await treeOfCommit(git.run, base);
  const changes = tree === baseTree ? null : rawChanges(git.run, baseTree, tree);
  const [entries, written, toolCommit] = await allEnded([
    changes === null ? [] : changes.then((all) => entriesOf(git.run, all)),
    changes === null ? null : writePatch(worktree, request.file, baseTree, tree, changes),
    commitOfTool(worktree),
  ]);
  const leftOut = [...snapshot.leftOut, ...(await converted(worktree, entries))];
  const stored = await storeEvidence(git, leftOut, limits);
  const refs: Record<string, string> = {};
  const commit = (of: string, parents: readonly string[], text: string): Promise<string> =>
    writeCommit({ git: git.run }, { tree: of, parents, message: text, people: PEOPLE, atSec });
  if (written !== null) {
    const trailers = `Planwright-Patch: ${id}\nPlanwright-Patch-Sha256: ${written.sha256}\n`;
    refs[patchRef(id)] = await commit(tree, [base], `${message}\n\n${trailers}`);
  }
  if (stored.tree !== null || toolCommit !== null) {
    const parents = toolCommit === null ? [base] : [base, toolCommit];
    const of = stored.tree ?? (await emptyTree(git.run));
    refs[evidenceRef(id)] = await commit(of, parents, `What patch ${id} leaves out\n`);
  }
  await setRefs(repository, refs, id);
  const evidence = refs[evidenceRef(id)];
  const { files, bytes, dropped } = stored;
  return {
    ...{ id, base, baseTree, tree, entries, leftOut, dropped, toolCommit },
    ref: written === null ? null : patchRef(id),
    commit: refs[patchRef(id)] ?? null,
    file: written === null ? null : request.file,
    bytes: written?.bytes ?? 0,
    sha256: written?.sha256 ?? null,
    insertions: entries.reduce((sum, { addedLines }) => sum + addedLines, 0),
    deletions: entries.reduce((sum, { removedLines }) => sum + removedLines, 0),
    hunks: written?.hunks ?? 0,
    evidence: evidence === undefined ? null : { ref: evidenceRef(id), commit: evidence, files, bytes },
  };
}

const emptyTree = async (run: OwnWorktree['git']['run']): Promise<string> =>
  line(await run(['mktree'], { input: '' }));

/** Files whose bytes git changes on the way in: line ends, encodings, keywords. */
async function converted(
  { git, repository }: OwnWorktree,
  entries: readonly PatchEntry[],
): Promise<LeftOut[]> {
  const found: LeftOut[] = [];
  for (const { path, blob, newMode } of entries) {
    if (!newMode.startsWith('100')) continue;
    const id = await blobIdOf(fileBytes(git.workTree, path), repository.objectFormat);
    if (blob !== id) found.push({ path, reason: 'converted' });
  }
  return found;
}

/**
 * Writes the patch and proves it: applied to the base it gives the very tree.
 *
 * @throws CaptureFailed
 */
async function writePatch(
  { git }: OwnWorktree,
  file: string,
  baseTree: string,
  tree: string,
  changes: Promise<readonly RawChange[]>,
): Promise<PatchFile> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await rm(file, { force: true });
  const shape = ['--binary', '--full-index', '--no-renames', '--src-prefix=a/', '--dst-prefix=b/'];
  const plain = ['--no-ext-diff', '--no-textconv', '--no-color', '--no-color-moved', '--no-indent-heuristic'];
  const args = ['diff-tree', '-r', '-p', ...shape, ...plain, `--output=${file}`, '--end-of-options'];
  await git.run([...args, baseTree, tree]);
  const read = await readPatchFile(file);
  if (read.bytes === 0) {
    throw new CaptureFailed(
      'empty-patch',
      `the work tree is ${tree} and its base ${baseTree}, but the patch between them is empty`,
    );
  }
  await provePatch(git, file, await changes);
  return read;
}

/**
 * Applies a patch to what its paths were, and looks whether they became what they are. All other paths are the same in both
 * trees, and no tree has a file where another path of it has a directory: so they need not be there.
 *
 * @throws CaptureFailed
 */
async function provePatch(git: OwnGit, file: string, changes: readonly RawChange[]): Promise<void> {
  const index = `${git.index}.proof`;
  const env = { GIT_INDEX_FILE: index };
  const rows = (side: 'before' | 'after'): Buffer[] =>
    changes.flatMap(({ path, [side]: one }) =>
      one === null
        ? []
        : [Buffer.concat([Buffer.from(`${one.mode} ${one.id} 0\t`), bytesFromPath(path), NUL])],
    );
  try {
    await rm(index, { force: true });
    await git.run(['update-index', '-z', '--index-info'], { env, input: Buffer.concat(rows('before')) });
    const apply = ['apply', '--cached', '--binary', '--whitespace=nowarn', file];
    const { exitCode, stderr } = await git.run(apply, { env, accept: [0, 1, 128] });
    if (exitCode !== 0)
      throw new CaptureFailed('does-not-apply', `the patch does not apply to its own base: ${stderr}`);
    const made = (await git.run(['ls-files', '-z', '--stage'], { env, maxBytes: MAX_LISTING })).stdout;
    const wanted = Buffer.concat(rows('after').sort(byPath));
    if (!made.equals(wanted))
      throw new CaptureFailed(
        'other-tree',
        'the patch makes something else of its base than the work tree is',
      );
  } finally {
    await rm(index, { force: true });
  }
}

const NUL = Buffer.from([0]);
/** Of rows as `ls-files --stage` prints them; git sorts by the bytes of the path. */
const byPath = (a: Buffer, b: Buffer): number =>
  Buffer.compare(a.subarray(a.indexOf(9), -1), b.subarray(b.indexOf(9), -1));

/** Returns the commit that HEAD of the work tree was left at, when it is not the one it began with. */
async function commitOfTool({ note, repository, git, base }: OwnWorktree): Promise<string | null> {
  if (note.adminDir === null) return null; // a clone's commits are its own; its files are captured
  const head = await readFile(join(note.adminDir, 'HEAD'), 'latin1').catch(() => '');
  if (head === `${base}\n`) return null; // as it was made
  const name = `worktrees/${note.adminDir.split('/').at(-1)!}/HEAD^{commit}`;
  const accept = [0, 1, 128];
  const text = line(await gitIn(repository, ['rev-parse', '--verify', '--quiet', name], { accept }));
  if (!/^[0-9a-f]{40,64}$/.test(text) || text === base) return null;
  const known = await git.run(['cat-file', '-e', `${text}^{commit}`], { accept: [0, 1, 128] });
  return known.exitCode === 0 ? text : null;
}

/** Sets refs of a patch. One that is there already must name the same. */
async function setRefs(
  repository: Repository,
  refs: Readonly<Record<string, string>>,
  id: string,
): Promise<void> {
  for (const [ref, to] of Object.entries(refs)) {
    const moved = await moveRefs(repository, [{ ref, from: null, to }], 'planwright: capture');
    if (moved.kind === 'moved' || (await readRef(repository, ref)) === to) continue;
    throw new CaptureFailed(
      'id-taken',
      moved.kind === 'locked'
        ? `"${moved.lock}" is in the way of "${ref}"; if no git runs in this repository, remove it`
        : `another patch is named "${id}" already ("${ref}" is ${moved.found ?? 'gone'})`,
    );
  }
}
