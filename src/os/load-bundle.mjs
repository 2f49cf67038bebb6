// @ts-check
/**
 * Loads a bundle of ours, with the machine's form of its code where the build left one: reading and compiling it is most
 * of what a short command costs.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

/**
 * Returns a bundle's script, not yet run.
 *
 * @param {URL} url
 * @returns {vm.Script}
 */
export function compileBundle(url) {
  const filename = fileURLToPath(url);
  // The build writes ASCII: read so, it needs no look at each character.
  return new vm.Script(readFileSync(filename, 'latin1'), {
    filename,
    cachedData: cacheOf(url), // of another Node, or of other code, it is refused, and the code compiled as ever
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

/**
 * Runs a bundle and returns what it exports.
 *
 * @param {URL} url
 * @param {vm.Script} [script]
 * @returns {any}
 */
export function loadBundle(url, script = compileBundle(url)) {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(url), module, url.href);
  return module.exports;
}

/**
 * Returns where the machine's form of a bundle is.
 *
 * @param {URL} url
 */
export const cacheFile = (url) => new URL(`${url.pathname}.cache`, url);

/** @param {URL} url */
function cacheOf(url) {
  try {
    return readFileSync(cacheFile(url));
  } catch {
    return undefined; // the build could not make one
  }
}
