/**
 * Bytes that a tool wrote and a patch does not hold, kept as a commit of our own: a list (`manifest.json`) and numbered files.
 *
 * Numbered, because what lies there may have names that no tree may hold: `.git` above all.
 */
import { chmod, lstat, readlink } from 'node:fs/promises';
import { isMissing } from '../../os/json-file.js';
import { MAX_LISTING, type OwnGit } from './own-git.js';
import { bytesFromPath, fileBytes, shownPath } from './path-bytes.js';
import { line } from './repository.js';

/** Why the patch itself does not hold it. */
export type LeftOutReason =
  | 'ignored'
  /** Files the tool leaves that are no work. */
  | 'litter'
  /** Copied in by `.worktreeinclude`, and changed since. */
  | 'included'
  /** Of a repository inside the work tree, its `.git` with it. */
  | 'nested-repository'
  /** In the folder of a submodule. */
  | 'submodule'
  /** In the patch as git normalises it (line ends, encodings): here are the bytes as they were written. */
  | 'converted'
  | 'empty-directory'
  | 'special-file'
  /** Its path is longer than the system opens a file by. */
  | 'too-deep';

/** One path of the work tree that the patch leaves out. */
export interface LeftOut {
  readonly path: string;
  readonly reason: LeftOutReason;
}

export interface Evidence {
  readonly ref: string;
  readonly commit: string;
  readonly files: number;
  readonly bytes: number;
}

/** What was not kept, and why. `count` and `bytes` are of all of them; of the paths only the first few are named. */
export interface Dropped {
  readonly reason: 'too-large' | 'too-many' | 'special-file' | 'too-deep' | 'unreadable';
  readonly count: number;
  readonly bytes: number;
  readonly paths: readonly string[];
}

export interface EvidenceLimits {
  readonly maxBytes: number;
  readonly maxFiles: number;
}

export const EVIDENCE_LIMITS: EvidenceLimits = { maxBytes: 64 * 1024 * 1024, maxFiles: 5_000 };

/** One entry of the list. */
export interface Kept {
  readonly path: string;
  readonly reason: LeftOutReason;
  readonly kind: 'file' | 'link' | 'directory';
  /** Permissions in octal. */
  readonly mode: string;
  /** Name of its bytes; null for a directory. */
  readonly data: string | null;
}

export interface Manifest {
  readonly format: 1;
  readonly kept: readonly Kept[];
  readonly dropped: readonly Dropped[];
}

const NAMED_PATHS = 20;
/** With the NUL at its end. */
export const PATH_MAX = 4_096;

/** Puts bytes into the repository and returns the tree that holds them; no tree when there is nothing to tell. */
export async function storeEvidence(
  git: OwnGit,
  leftOut: readonly LeftOut[],
  limits: EvidenceLimits,
): Promise<{ tree: string | null; files: number; bytes: number; dropped: readonly Dropped[] }> {
  const pile = new Map<Dropped['reason'], { count: number; bytes: number; paths: string[] }>();
  const drop = (reason: Dropped['reason'], path: string, bytes: number): void => {
    const at = pile.get(reason) ?? { count: 0, bytes: 0, paths: [] };
    if (at.paths.length < NAMED_PATHS) at.paths.push(shownPath(path));
    pile.set(reason, { ...at, count: at.count + 1, bytes: at.bytes + bytes });
  };
  const kept: Omit<Kept, 'data'>[] = [];
  const links: Buffer[] = [];
  let bytes = 0;
  for (const { path, reason } of leftOut) {
    const file = fileBytes(git.workTree, path);
    if (reason === 'too-deep' || file.length >= PATH_MAX) {
      drop('too-deep', path, 0);
      continue;
    }
    const stats = await lstat(file).catch((error: unknown) => {
      if (isMissing(error)) return null;
      if (['EACCES', 'EIO', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? ''))
        return 'unreadable';
      throw error;
    });
    if (stats === null) continue;
    if (stats === 'unreadable') {
      drop('unreadable', path, 0);
      continue;
    }
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isDirectory()) kept.push({ path, reason, kind: 'directory', mode });
    else if (!stats.isFile() && !stats.isSymbolicLink()) drop('special-file', path, 0);
    else if (bytes + stats.size > limits.maxBytes) drop('too-large', path, stats.size);
    else if (kept.length >= limits.maxFiles) drop('too-many', path, stats.size);
    else {
      bytes += stats.size;
      // Its owner may not read it, and neither may git; how it was is noted.
      if (stats.isFile() && (stats.mode & 0o400) === 0) await chmod(file, (stats.mode & 0o7777) | 0o400);
      kept.push({ path, reason, kind: stats.isFile() ? 'file' : 'link', mode });
      if (stats.isSymbolicLink()) links.push(await readlink(file, { encoding: 'buffer' }));
    }
  }
  const dropped = [...pile].map(([reason, rest]): Dropped => ({ reason, ...rest }));
  if (kept.length === 0 && dropped.length === 0) return { tree: null, files: 0, bytes: 0, dropped };
  const ids = await storeFiles(
    git,
    kept.filter(({ kind }) => kind === 'file').map(({ path }) => path),
  );
  const targets: string[] = [];
  for (const target of links) targets.push(await storeBytes(git, target));
  const manifest: Manifest = {
    format: 1,
    kept: kept.map((entry, at) => ({ ...entry, data: entry.kind === 'directory' ? null : String(at) })),
    dropped,
  };
  const rows = manifest.kept.flatMap(({ kind, data }) => {
    if (data === null) return [];
    return [`100644 blob ${(kind === 'file' ? ids : targets).shift()!}\t${data}\n`];
  });
  rows.push(`100644 blob ${await storeBytes(git, Buffer.from(JSON.stringify(manifest)))}\tmanifest.json\n`);
  const tree = line(await git.run(['mktree'], { input: rows.join('') }));
  return { tree, files: kept.length, bytes, dropped };
}

async function storeBytes(git: OwnGit, bytes: Buffer): Promise<string> {
  return line(await git.run(['hash-object', '-w', '--stdin'], { input: bytes }));
}

/** Stores files as they are, without the conversions that `add` makes. */
async function storeFiles(git: OwnGit, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [];
  return hashFiles(git, paths, ['-w']);
}

/** Returns the ids that the bytes of these files have as blobs. */
export async function hashFiles(
  git: OwnGit,
  paths: readonly string[],
  more: readonly string[] = [],
): Promise<string[]> {
  if (paths.length === 0) return [];
  const input = Buffer.concat(paths.map((path) => Buffer.from(`${cQuoted(path)}\n`, 'latin1')));
  const answer = await git.run(['hash-object', ...more, '--no-filters', '--stdin-paths'], {
    input,
    maxBytes: MAX_LISTING,
  });
  return answer.stdout.toString('latin1').trimEnd().split('\n');
}

/** A path a line, as git reads it: in quotes and with every unusual byte in octal. */
function cQuoted(path: string): string {
  const text = [...bytesFromPath(path)].map((byte) => {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    return plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return `"${text.join('')}"`;
}

/** Returns the list of a commit of evidence. */
export async function readManifest(run: OwnGit['run'], commit: string): Promise<Manifest> {
  const { stdout } = await run(['cat-file', 'blob', `${commit}:manifest.json`], { maxBytes: MAX_LISTING });
  const manifest = JSON.parse(stdout.toString('utf8')) as Manifest;
  if (manifest.format !== 1)
    throw new Error(`evidence ${commit} has a list of a form that is not known here`);
  return manifest;
}
