// @ts-check
/**
 * Runs a TypeScript program of the checkout: `node scripts/run-ts.mjs bench/load.ts [arguments]`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bootstrap, BootstrapError, ROOT } from './bootstrap.mjs';

const [entry, ...args] = process.argv.slice(2);
if (entry === undefined) {
  process.stderr.write('usage: node scripts/run-ts.mjs <file.ts> [arguments]\n');
  process.exit(2);
}
await bootstrap().catch((error) => {
  if (!(error instanceof BootstrapError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
const { build } = await import('esbuild');
// Inside the checkout, so that packages and the package's root are found from it.
mkdirSync(join(ROOT, '.planwright'), { recursive: true });
const folder = mkdtempSync(join(ROOT, '.planwright', 'run-'));
const remove = () => rmSync(folder, { recursive: true, force: true });
process.on('exit', remove);
const outfile = join(folder, 'program.mjs');
await build({
  entryPoints: [resolve(entry)],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  sourcemap: 'inline',
});
process.argv.splice(1, process.argv.length - 1, outfile, ...args);
await import(pathToFileURL(outfile).href);
