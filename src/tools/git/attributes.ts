/**
 * The `.gitattributes` of a commit, for work on its objects: which files merge how, which are generated.
 *
 * They are the target's, not those of whatever is checked out: the result depends on commits alone.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import type { Objects } from './objects.js';
import { bytesFromPath, fields, fileBytes, pathFromBytes } from './path-bytes.js';
import { listTree, readBlob, type TreeEntry } from './tree.js';

/** The name of attributes files. */
export const ATTRIBUTES_FILE = '.gitattributes';
// git itself ignores an attributes file above 100 MB; nobody writes one above this.
const MAX_BYTES = 1024 * 1024;
const MAX_FILES = 2000;

/** Puts the attributes files of a commit or tree where git looks for them; returns whether there are any. */
export const useAttributesOf = async (objects: Objects, treeish: string): Promise<boolean> =>
  useAttributes(objects, (await listTree(objects, treeish)).named(ATTRIBUTES_FILE));

/**
 * Puts attributes files where git looks for them.
 *
 * @returns whether there are any
 */
export async function useAttributes(objects: Objects, entries: readonly TreeEntry[]): Promise<boolean> {
  const files = entries.filter(({ mode, path }) => mode.startsWith('100') && staysInside(path));
  for (const { id, path } of files.slice(0, MAX_FILES)) {
    const target = fileBytes(objects.attributes, path);
    await mkdir(target.subarray(0, target.lastIndexOf(0x2f)), { recursive: true });
    await writeFile(target, await readBlob(objects, id, MAX_BYTES));
  }
  return files.length > 0;
}

/** Takes them away again: those of another commit come. */
export async function forgetAttributes({ attributes }: Objects): Promise<void> {
  await rm(attributes, { recursive: true });
  await mkdir(attributes);
}

/** Trees can be made by hand: `..` and `.git` in them are git's own nightmare, and not going to be ours. */
function staysInside(path: string): boolean {
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git');
}

/** The value of one attribute: `set`, `unset` or text. Paths without a value are not in the map. */
export type AttributeValues = ReadonlyMap<string, string>;

/** Returns the values of `names` for each of `paths`, by name. */
export async function readAttributes(
  run: (args: readonly string[], options: { input: Buffer; maxBytes: number }) => Promise<{ stdout: Buffer }>,
  names: readonly string[],
  paths: readonly string[],
): Promise<ReadonlyMap<string, AttributeValues>> {
  const values = new Map<string, Map<string, string>>(names.map((name) => [name, new Map<string, string>()]));
  if (paths.length === 0) return values;
  const input = Buffer.concat(paths.flatMap((path) => [bytesFromPath(path), Buffer.from([0])]));
  const answer = await run(['check-attr', '-z', '--stdin', ...names], {
    input,
    maxBytes: 1024 * 1024 * 1024,
  });
  // <path> <attribute> <value>, each NUL-terminated
  let row: Buffer[] = [];
  for (const field of fields(answer.stdout)) {
    row.push(field);
    if (row.length < 3) continue;
    const [path, name, value] = row as [Buffer, Buffer, Buffer];
    row = [];
    const text = value.toString('utf8');
    if (text !== 'unspecified') values.get(name.toString('utf8'))?.set(pathFromBytes(path), text);
  }
  return values;
}
