/**
 * What trees hold and how two of them differ.
 */
import { isAscii } from 'node:buffer';
import type { Objects } from './objects.js';
import { bytesFromPath, fields, pathFromBytes, texts } from './path-bytes.js';

export interface TreeEntry {
  /** Octal, as git writes it: `100644`, `100755`, `120000` (link), `160000` (submodule). */
  readonly mode: string;
  readonly id: string;
  readonly path: string;
}

export const isLink = (mode: string): boolean => mode === '120000';
export const isSubmodule = (mode: string): boolean => mode === '160000';

// A path may have 4096 bytes; a million files of an ordinary length stay below this.
const MAX_LISTING = 512 * 1024 * 1024;

/** What a tree holds, as git listed it: with hundreds of thousands of files an object of each takes longest. */
export class TreeListing {
  #text: string | null = null;

  constructor(private readonly listed: Buffer) {}

  /** Every file, link and submodule. */
  entries(): TreeEntry[] {
    return texts(this.listed).map(entryOf);
  }

  /** Those of a name, in whatever directory. */
  named(name: string): TreeEntry[] {
    const found: TreeEntry[] = [];
    const ending = Buffer.from(`${name}\0`);
    for (let at = 0; (at = this.listed.indexOf(ending, at)) >= 0; at += ending.length) {
      const from = this.listed.lastIndexOf(0, at) + 1;
      const entry = entryOf(pathFromBytes(this.listed.subarray(from, at + ending.length - 1)));
      if (entry.path === name || entry.path.endsWith(`/${name}`)) found.push(entry);
    }
    return found;
  }

  /** Tells `visit` the path of every file and link, not of submodules. */
  eachFile(visit: (path: string) => void): void {
    const text = (this.#text ??= this.listed.toString('latin1'));
    const isPlain = isAscii(this.listed);
    for (let at = 0, end = 0; (end = text.indexOf('\0', at)) >= 0; at = end + 1) {
      if (text.startsWith('160000', at)) continue;
      const path = text.slice(text.indexOf('\t', at) + 1, end);
      visit(isPlain ? path : pathFromBytes(Buffer.from(path, 'latin1')));
    }
  }
}

/** Lists a commit or tree. */
export async function listTree(objects: Objects, treeish: string): Promise<TreeListing> {
  const args = ['ls-tree', '-r', '-z', '--full-tree', '--end-of-options', treeish];
  return new TreeListing((await objects.git(args, { maxBytes: MAX_LISTING })).stdout);
}

/** Reads `<mode> <type> <id>\t<path>`. */
function entryOf(text: string): TreeEntry {
  const tab = text.indexOf('\t');
  const id = text.slice(text.lastIndexOf(' ', tab) + 1, tab);
  return { mode: text.slice(0, 6), id, path: text.slice(tab + 1) };
}

/** One path that differs. A side that does not have it is null. */
export interface TreeChange {
  readonly path: string;
  readonly before: { readonly mode: string; readonly id: string } | null;
  readonly after: { readonly mode: string; readonly id: string } | null;
}

/** Returns the paths that differ between two commits or trees; a renamed file is one that went and one that came. */
export async function diffTrees(
  objects: Pick<Objects, 'git'>,
  before: string,
  after: string,
): Promise<TreeChange[]> {
  const args = [
    'diff-tree',
    '-r',
    '-z',
    '--raw',
    '--no-renames',
    '--no-ext-diff',
    '--no-textconv',
    '--full-index',
  ];
  const answer = await objects.git([...args, '--end-of-options', before, after], { maxBytes: MAX_LISTING });
  const changes: TreeChange[] = [];
  let head: string[] | null = null;
  for (const field of fields(answer.stdout)) {
    if (head === null) {
      head = field.toString('latin1').slice(1).split(' '); // :<mode> <mode> <id> <id> <status>
      continue;
    }
    const [modeBefore = '', modeAfter = '', idBefore = '', idAfter = ''] = head;
    changes.push({
      path: pathFromBytes(field),
      before: modeBefore === '000000' ? null : { mode: modeBefore, id: idBefore },
      after: modeAfter === '000000' ? null : { mode: modeAfter, id: idAfter },
    });
    head = null;
  }
  return changes;
}

/** Returns those of the differing paths whose content is binary on either side, as git sees it: by attribute, else by a NUL byte. */
export async function binaryChanges(objects: Objects, before: string, after: string): Promise<Set<string>> {
  const args = ['diff-tree', '-r', '-z', '--numstat', '--no-renames', '--no-ext-diff', '--no-textconv'];
  const answer = await objects.git([...args, '--end-of-options', before, after], { maxBytes: MAX_LISTING });
  const found = new Set<string>();
  // <added>\t<deleted>\t<path>; binary files have no lines to count
  for (const field of fields(answer.stdout)) {
    if (field.toString('latin1', 0, 4) === '-\t-\t') found.add(pathFromBytes(field.subarray(4)));
  }
  return found;
}

/** Returns the bytes of a blob. */
export async function readBlob(objects: Objects, id: string, maxBytes: number): Promise<Buffer> {
  return (await objects.git(['cat-file', 'blob', id], { maxBytes })).stdout;
}

/**
 * Returns when the newest commit that touched `path`, among those of `side` that `other` does not have, was made
 * (seconds since 1970, committer's time), or null when there is none.
 */
export async function lastTouched(
  objects: Objects,
  side: string,
  other: string,
  path: string,
): Promise<number | null> {
  // By stdin: an argument of a Node process is UTF-8, and a path may have any bytes.
  const input = Buffer.concat([
    Buffer.from(`${side}\n^${other}\n--\n`),
    bytesFromPath(path),
    Buffer.from('\n'),
  ]);
  if (path.includes('\n')) return null; // the list has a path a line
  const answer = await objects.git(['log', '-1', '--format=%ct', '--no-ext-diff', '--stdin'], { input });
  const text = answer.stdout.toString('latin1').trim();
  return text === '' ? null : Number(text);
}

/** Returns the tree made of `treeish` with some paths set to another content or (null) taken out. */
export async function changeTree(
  objects: Objects,
  treeish: string,
  paths: ReadonlyMap<string, { readonly mode: string; readonly id: string } | null>,
): Promise<string> {
  const orders: Buffer[] = [];
  for (const [path, to] of paths) {
    const head = to === null ? `0 ${'0'.repeat(treeish.length)}\t` : `${to.mode} ${to.id}\t`;
    orders.push(Buffer.from(head), bytesFromPath(path), Buffer.from([0]));
  }
  await objects.git(['read-tree', '--end-of-options', treeish]);
  await objects.git(['update-index', '-z', '--index-info'], { input: Buffer.concat(orders) });
  return (await objects.git(['write-tree'])).stdout.toString('utf8').trim();
}
