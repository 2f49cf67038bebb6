/**
 * Programs of tests that must be processes of their own: to be killed, or to run as another user.
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface BundledProgram {
  /** To be given to `node`. */
  readonly file: string;
  readonly remove: () => void;
}

/** Bundles a TypeScript program of the tests into a folder of its own that any user can read. */
export async function bundleProgram(entry: string): Promise<BundledProgram> {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-program-'));
  chmodSync(folder, 0o755);
  const file = join(folder, 'dist', 'program.mjs');
  await build({
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'silent',
  });
  // What the program finds by its package's root.
  mkdirSync(join(folder, 'src', 'tools', 'process'), { recursive: true });
  for (const part of ['package.json', 'src/tools/process/spawner.pl']) {
    cpSync(join(ROOT, part), join(folder, part));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
