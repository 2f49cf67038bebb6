/**
 * Bringing back what a tool wrote: all of it, into an empty directory.
 */
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMissing } from '../../os/json-file.js';
import { evidenceRef, isPatchId, patchRef } from './capture-patch.js';
import { hashFiles, readManifest, type Dropped, type Kept } from './evidence.js';
import { forgetOwnGit, ownGit, prepareOwnGit, type OwnGit } from './own-git.js';
import { patchEntries } from './patch-entries.js';
import { fileBytes } from './path-bytes.js';
import { readRef } from './refs.js';
import { line, type Repository } from './repository.js';

export interface Restored {
  readonly commit: string | null;
  /** Files that the patch itself does not hold. */
  readonly kept: readonly Kept[];
  /** What could not be kept when it was captured. */
  readonly dropped: readonly Dropped[];
}

export class NotRestored extends Error {
  override readonly name = 'NotRestored';
  constructor(
    readonly reason: 'no-such-patch' | 'not-empty',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Writes the files of a patch as the tool left them, and beside them what the patch leaves out.
 *
 * @param directory - made if missing; must be empty
 * @throws NotRestored
 */
export async function restorePatch(repository: Repository, id: string, directory: string): Promise<Restored> {
  const commit = isPatchId(id) ? await readRef(repository, patchRef(id)) : null;
  const evidence = isPatchId(id) ? await readRef(repository, evidenceRef(id)) : null;
  const from = commit ?? evidence;
  if (from === null) throw new NotRestored('no-such-patch', `there is no patch "${id}" in this repository`);
  if (!(await isEmpty(directory))) {
    throw new NotRestored('not-empty', `"${directory}" is not empty; name a directory that is not there yet`);
  }
  await mkdir(directory, { recursive: true });
  const own = await mkdtemp(join(dirname(directory), '.planwright-restore-'));
  try {
    await prepareOwnGit(own, repository);
    const git = ownGit(own, directory, repository.commonDir);
    // Without a patch the files are those of the base, the first parent of the evidence.
    const tree = line(
      await git.run(['rev-parse', '--verify', commit === null ? `${from}^1^{tree}` : `${from}^{tree}`]),
    );
    await git.run(['read-tree', '--reset', '-u', tree]);
    const hasMore = evidence !== null && (await hasManifest(git, evidence));
    const { kept, dropped } = hasMore ? await readManifest(git.run, evidence) : NOTHING;
    // Of a file whose bytes were too much to keep, what git makes of it is nearest.
    if (commit !== null && dropped.length === 0) await layBytes(git, directory, commit, tree);
    if (evidence === null) return { commit, kept, dropped };
    for (const entry of kept) await layDown(git, evidence, directory, entry);
    return { commit, kept, dropped };
  } finally {
    await rm(own, { recursive: true, force: true });
    forgetOwnGit(own);
  }
}

async function hasManifest(git: OwnGit, evidence: string): Promise<boolean> {
  const found = await git.run(['cat-file', '-e', `${evidence}:manifest.json`], { accept: [0, 1, 128] });
  return found.exitCode === 0;
}

const NOTHING = { kept: [], dropped: [] } as const;

/** Files of the patch hold what git holds: where they did not, their bytes were kept. A checkout gives them other line ends. */
async function layBytes(git: OwnGit, directory: string, commit: string, tree: string): Promise<void> {
  const entries = await patchEntries(git.run, `${commit}^1^{tree}`, tree);
  const files = entries.filter(({ newMode }) => newMode.startsWith('100'));
  const ids = await hashFiles(
    git,
    files.map(({ path }) => path),
  );
  for (const [at, { path, blob }] of files.entries()) {
    if (blob === null || blob === ids[at]) continue;
    const { stdout } = await git.run(['cat-file', 'blob', blob], { maxBytes: MAX_FILE });
    await writeFile(fileBytes(directory, path), stdout);
  }
}

const MAX_FILE = 2 * 1024 * 1024 * 1024 - 1;

async function layDown(git: OwnGit, evidence: string, directory: string, entry: Kept): Promise<void> {
  const to = fileBytes(directory, entry.path);
  await mkdir(to.subarray(0, to.lastIndexOf(0x2f)), { recursive: true });
  if (entry.data === null) {
    await mkdir(to, { recursive: true });
    return chmod(to, parseInt(entry.mode, 8));
  }
  const bytes = (await git.run(['cat-file', 'blob', `${evidence}:${entry.data}`], { maxBytes: MAX_FILE }))
    .stdout;
  await rm(to, { force: true });
  if (entry.kind === 'link') return symlink(bytes, to);
  await writeFile(to, bytes);
  return chmod(to, parseInt(entry.mode, 8));
}

async function isEmpty(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0;
  } catch (error) {
    if (isMissing(error)) return true;
    throw error;
  }
}
