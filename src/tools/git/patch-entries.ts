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

/** Returns every path that differs between two trees; of a renamed file both paths. */
export async function patchEntries(run: Git, before: string, after: string): Promise<PatchEntry[]> {
  const args = [
    'diff-tree',
    '-r',
    '-z',
    '--raw',
    '--numstat',
    '--full-index',
    '--no-renames',
    '--no-ext-diff',
  ];
  const more = ['--no-textconv', '--no-color', '--end-of-options', before, after];
  const answer = await run([...args, ...more], { maxBytes: MAX_LISTING });
  const raw = new Map<string, { oldMode: string; newMode: string; blob: string | null }>();
  const counts = new Map<string, { added: string; removed: string }>();
  let head: string[] | null = null;
  for (const field of fields(answer.stdout)) {
    if (head !== null) {
      const [oldMode = '', newMode = '', , id = ''] = head; // :<mode> <mode> <id> <id> <status>
      raw.set(pathFromBytes(field), { oldMode, newMode, blob: newMode === NOTHING ? null : id });
      head = null;
    } else if (field[0] === 0x3a) {
      head = field.toString('latin1').slice(1).split(' ');
    } else {
      const first = field.indexOf(9);
      const second = field.indexOf(9, first + 1);
      const path = pathFromBytes(field.subarray(second + 1));
      counts.set(path, {
        added: field.toString('latin1', 0, first),
        removed: field.toString('latin1', first + 1, second),
      });
    }
  }
  const files = [...raw.values()].flatMap(({ blob, newMode }) =>
    blob === null || newMode === SUBMODULE ? [] : [blob],
  );
  const sizes = await sizesOf(run, files);
  const entries: PatchEntry[] = [];
  for (const [path, { oldMode, newMode, blob }] of raw) {
    const { added = '0', removed = '0' } = counts.get(path) ?? {};
    entries.push({
      ...{ path, oldMode, newMode, blob },
      change: oldMode === NOTHING ? 'added' : newMode === NOTHING ? 'deleted' : 'modified',
      addedLines: Number(added) || 0, // "-": binary, which has no lines
      removedLines: Number(removed) || 0,
      isBinary: added === '-',
      bytes: blob === null ? 0 : (sizes.get(blob) ?? 0),
      linkTarget: newMode === LINK && blob !== null ? await targetOf(run, blob, sizes.get(blob) ?? 0) : null,
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
