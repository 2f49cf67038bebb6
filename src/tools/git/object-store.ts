/**
 * Objects that are not what their names say.
 *
 * git believes a file in its object store by its name when it reads it: one who writes another content into it changes what a
 * commit holds, and no hash of a commit or tree shows it. So what has come or changed while a tool worked is read once.
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { programOutput } from './program-output.js';
import { fields } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';

/** The object store before a tool begins. */
export interface StoreMark {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Its folders, each with its inode. */
  readonly folders: Readonly<Record<string, number>>;
}

const FOLDER = /^([0-9a-f]{2}|pack)$/;
const LOOSE = /^[0-9a-f]{2}\/[0-9a-f]{38}([0-9a-f]{24})?$/;
const PACK = /^pack\/[^/]+\.(pack|idx)$/;
/** Larger ones are left to git, which reads them in parts. */
const MAX_LOOSE = 64 * 1024 * 1024;
/** The clock of files is a little behind. */
const SLACK_MS = 1_000;

/** Notes what the store is like. */
export async function markStore({ commonDir }: Repository): Promise<StoreMark> {
  const since = Date.now();
  return { since, folders: await foldersOf(join(commonDir, 'objects')) };
}

async function foldersOf(top: string): Promise<Record<string, number>> {
  const names = (await readdir(top).catch(() => [])).filter((name) => FOLDER.test(name));
  const found = await Promise.all(
    names.map(async (name) => [name, (await lstat(join(top, name)).catch(() => null))?.ino ?? 0] as const),
  );
  return Object.fromEntries(found);
}

/**
 * Returns the names of files that came or changed since and do not hold what they are named for.
 *
 * A folder that is another one now says nothing by its files' times: all of them are read. git makes such ones itself, when a
 * `git gc` of the person's has emptied them. That of the packs it never replaces.
 */
export async function findForged(repository: Repository, mark: StoreMark): Promise<string[]> {
  const top = join(repository.commonDir, 'objects');
  const folders = await foldersOf(top);
  const other = Object.keys(folders).filter((name) => folders[name] !== mark.folders[name]);
  const changed = await changedSince(top, mark.since - SLACK_MS);
  const suspect = new Set(changed.filter((one) => LOOSE.test(one)));
  for (const folder of other.filter((name) => name !== 'pack')) {
    for (const name of await readdir(join(top, folder)).catch(() => [])) {
      if (LOOSE.test(`${folder}/${name}`)) suspect.add(`${folder}/${name}`);
    }
  }
  const forged: string[] = [];
  for (const name of suspect) {
    if (!(await isWhatItSays(repository, name))) forged.push(name);
  }
  // A pack and its index are one thing.
  const packs = changed.filter((name) => PACK.test(name)).map((name) => name.replace(/\.pack$/, '.idx'));
  for (const name of new Set(packs)) {
    const path = join(top, name);
    if ((await lstat(path).catch(() => null)) === null) continue; // one half of a pack is none
    const { exitCode } = await gitIn(repository, ['verify-pack', path], { accept: [0, 1, 128] });
    if (exitCode !== 0) forged.push(name);
  }
  if (other.includes('pack') && mark.folders['pack'] !== undefined) forged.push('pack');
  return forged.sort();
}

/** By the time of a file's last change, which no tool can set. One program looks at thousands quicker than we do. */
async function changedSince(top: string, since: number): Promise<string[]> {
  const newer = ['-mindepth', '2', '-maxdepth', '2', '-newerct', `@${Math.floor(since / 1000)}`];
  const listed = await programOutput('find', ['.', ...newer, '-printf', '%P\\0'], top);
  if (listed !== null) return [...fields(listed)].map((name) => name.toString('latin1'));
  const found: string[] = [];
  for (const folder of Object.keys(await foldersOf(top))) {
    for (const name of await readdir(join(top, folder)).catch(() => [])) {
      const stats = await lstat(join(top, folder, name)).catch(() => null);
      if (stats !== null && stats.ctimeMs >= since) found.push(`${folder}/${name}`);
    }
  }
  return found;
}

async function isWhatItSays({ commonDir, objectFormat }: Repository, name: string): Promise<boolean> {
  const path = join(commonDir, 'objects', name);
  try {
    const { size } = await lstat(path);
    if (size > MAX_LOOSE) return true;
    const content = await promisify(inflate)(await readFile(path));
    return createHash(objectFormat).update(content).digest('hex') === name.replace('/', '');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'; // collected meanwhile
  }
}
