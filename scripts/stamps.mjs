// @ts-check
/**
 * How we know that nothing must be installed or built: by what the last finished installation and build wrote down.
 *
 * A stamp is written last, so an interrupted installation or build leaves none. It holds the contents it was made from
 * (a hash) and how those files looked (names, sizes, times). Looks are compared each time, in a few milliseconds; only
 * when they differ are the contents: a fresh `git checkout` changes times, not contents, and costs no build.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What a build is made from. */
const BUILT_FROM = [
  'src',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'scripts/build.mjs',
  'scripts/bundle-merge.mjs',
];
const BUILD_STAMP = 'dist/build.json';
const INSTALL_STAMP = 'node_modules/.planwright.json';
/** npm writes it last, when every package is in its place. */
const NPM_STAMP = 'node_modules/.package-lock.json';

/**
 * @typedef {object} Stamp
 * @property {string} id - tells this build from others
 * @property {string} contents
 * @property {string} looks
 */

/**
 * @param {string} root
 * @returns {boolean}
 */
export function isBuilt(root) {
  const stamp = read(join(root, BUILD_STAMP));
  if (stamp === null || !existsSync(join(root, 'dist/workflow-bundle.js'))) return false;
  const files = filesOf(root, BUILT_FROM);
  if (stamp.looks === looksOf(root, files)) return true;
  if (stamp.contents !== contentsOf(root, files)) return false;
  write(join(root, BUILD_STAMP), { ...stamp, looks: looksOf(root, files) });
  return true;
}

/**
 * Returns what the stamp of a build begun now will say: files changed while it goes on make it stale.
 *
 * @param {string} root
 * @returns {Stamp}
 */
export function buildStamp(root) {
  const files = filesOf(root, BUILT_FROM);
  const contents = contentsOf(root, files);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return { id: `${version}+${contents.slice(0, 12)}`, contents, looks: looksOf(root, files) };
}

/**
 * @param {string} root
 * @param {Stamp} stamp
 */
export function writeBuildStamp(root, stamp) {
  write(join(root, BUILD_STAMP), stamp);
}

/**
 * @param {string} root
 * @returns {boolean}
 */
export function isInstalled(root) {
  if (!existsSync(join(root, NPM_STAMP))) return false;
  const stamp = read(join(root, INSTALL_STAMP));
  const looks = looksOf(root, ['package-lock.json', NPM_STAMP]);
  if (stamp?.looks === looks) return true;
  const contents = contentsOf(root, ['package-lock.json']);
  // Installed by hand, perhaps: then npm's own list says whether it fits.
  if (stamp?.contents !== contents && !installedFits(root)) return false;
  write(join(root, INSTALL_STAMP), { id: '', contents, looks });
  return true;
}

/**
 * @param {string} root
 */
export function writeInstallStamp(root) {
  const contents = contentsOf(root, ['package-lock.json']);
  write(join(root, INSTALL_STAMP), {
    id: '',
    contents,
    looks: looksOf(root, ['package-lock.json', NPM_STAMP]),
  });
}

/**
 * Says whether every package of the lock file is installed in its version; those for other systems may lack.
 *
 * @param {string} root
 */
function installedFits(root) {
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const found = read(join(root, NPM_STAMP))?.packages ?? {};
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' ||
      (found[path] === undefined ? entry.optional === true : found[path].version === entry.version),
  );
}

/**
 * @param {string} root
 * @param {readonly string[]} names - files and folders
 * @returns {string[]} files, in an order that does not change
 */
function filesOf(root, names) {
  return names.flatMap((name) => {
    const found = statSync(join(root, name), { throwIfNoEntry: false });
    if (found === undefined) return [];
    return found.isDirectory() ? filesIn(root, name).sort() : [name];
  });
}

/**
 * @param {string} root
 * @param {string} folder
 * @returns {string[]}
 */
function filesIn(root, folder) {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(root, `${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
  );
}

/**
 * @param {string} root
 * @param {readonly string[]} files
 */
function looksOf(root, files) {
  const looks = files.map((file) => {
    const found = statSync(`${root}/${file}`, { throwIfNoEntry: false }); // removed this moment, perhaps
    return `${file}\0${found?.size}\0${found?.mtimeMs}`;
  });
  return createHash('sha256').update(looks.join('\n')).digest('hex');
}

/**
 * @param {string} root
 * @param {readonly string[]} files
 */
function contentsOf(root, files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex');
}

/**
 * @param {string} file
 * @returns {any} null when it is not there or not whole
 */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * @param {string} file
 * @param {Stamp} stamp
 */
function write(file, stamp) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(stamp)}\n`);
}
