/**
 * What a change of trees changes, entry by entry, as the rules for patches want it.
 */
import type { ChangedEntry } from '../../workstream/patch-rules.js';
import { MAX_LISTING, type OwnGit } from './own-git.js';
import { fields, pathFromBytes } from './path-bytes.js';

const LINK = '120000';
const SUBMODULE = '160000';
const NOTHING = '000000';
/** Linux takes 4096 bytes for a link. */
const MAX_TARGET = 64 * 1024;

/** A changed entry and the blob it became; null where it was deleted. */
export interface PatchEntry extends ChangedEntry {
  readonly blob: string | null;
}

type Git = Pick<OwnGit, 'run'>['run'];

/** One side of a change: null where there is nothing. */
type Side = { readonly mode: string; readonly id: string } | null;

/** A path that differs between two trees. */
export interface RawChange {
  readonly path: string;
  readonly before: Side;
  readonly after: Side;
  /** As git counts: a number, or "-" of a binary file, which has no lines. */
  readonly added: string;
  readonly removed: string;
}

/** Returns every path that differs between two trees; of a renamed file both paths. */
export const patchEntries = async (run: Git, before: string, after: string): Promise<PatchEntry[]> =>
  entriesOf(run, await rawChanges(run, before, after));

/** Returns what git says of two trees in one go. */
export async function rawChanges(run: Git, before: string, after: string): Promise<RawChange[]> {
  const args = ['diff-tree', '-r', '-z', '--raw', '--numstat', '--full-index', '--no-renames'];
  const more = ['--no-ext-diff', '--no-textconv', '--no-color', '--end-of-options', before, after];
  const answer = await run([...args, ...more], { maxBytes: MAX_LISTING });
  const raw = new Map<string, RawChange>();
  let head: string[] | null = null;
  for (const field of fields(answer.stdout)) {
    if (head !== null) {
      const [oldMode = '', newMode = '', oldId = '', newId = ''] = head; // :<mode> <mode> <id> <id> <status>
      const path = pathFromBytes(field);
      const sides = { before: sideOf(oldMode, oldId), after: sideOf(newMode, newId) };
      raw.set(path, { path, ...sides, added: '0', removed: '0' });
      head = null;
    } else if (field[0] === 0x3a) {
      head = field.toString('latin1').slice(1).split(' ');
    } else {
      const first = field.indexOf(9);
      const second = field.indexOf(9, first + 1);
      const path = pathFromBytes(field.subarray(second + 1));
      const change = raw.get(path);
      const added = field.toString('latin1', 0, first);
      const removed = field.toString('latin1', first + 1, second);
      if (change !== undefined) raw.set(path, { ...change, added, removed });
    }
  }
  return [...raw.values()];
}

const sideOf = (mode: string, id: string): Side => (mode === NOTHING ? null : { mode, id });

/** Returns the same as the rules for patches want it. */
export async function entriesOf(run: Git, changes: readonly RawChange[]): Promise<PatchEntry[]> {
  const files = changes.flatMap(({ after }) =>
    after === null || after.mode === SUBMODULE ? [] : [after.id],
  );
  const sizes = await sizesOf(run, files);
  const entries: PatchEntry[] = [];
  for (const { path, before, after, added, removed } of changes) {
    const blob = after?.id ?? null;
    const bytes = blob === null ? 0 : (sizes.get(blob) ?? 0);
    const isLink = after?.mode === LINK;
    entries.push({
      ...{ path, oldMode: before?.mode ?? NOTHING, newMode: after?.mode ?? NOTHING, blob, bytes },
      change: before === null ? 'added' : after === null ? 'deleted' : 'modified',
      addedLines: Number(added) || 0,
      removedLines: Number(removed) || 0,
      isBinary: added === '-',
      linkTarget: isLink ? await targetOf(run, after.id, bytes) : null,
    });
  }
  return entries;
}

async function sizesOf(run: Git, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const input = `${[...new Set(ids)].join('\n')}\n`;
  const answer = await run(['cat-file', '--batch-check=%(objectname) %(objectsize)'], {
    input,
    maxBytes: MAX_LISTING,
  });
  const rows = answer.stdout.toString('latin1').trimEnd().split('\n');
  return new Map(
    rows.map((row) => [row.slice(0, row.indexOf(' ')), Number(row.slice(row.indexOf(' ') + 1))]),
  );
}

/** Where a link points. A longer target than any system follows is as good as none, and refused as one. */
async function targetOf(run: Git, id: string, size: number): Promise<string | null> {
  if (size > MAX_TARGET) return null;
  return pathFromBytes((await run(['cat-file', 'blob', id])).stdout);
}
