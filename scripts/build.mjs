// @ts-check
/**
 * Builds `dist/`: the compiled sources and the bundle of the workflows. `node scripts/build.mjs`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildStamp, writeBuildStamp } from './stamps.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);
const BUNDLE = 'workflow-bundle.js';

const stamp = buildStamp(root);
rmSync(join(dist, 'build.json'), { force: true }); // until the end this is no build
removeStale(dist);
const typesAreRight = compile();
await bundleWorkflows();
if (!typesAreRight) process.exit(1);
writeBuildStamp(root, stamp);

/** Returns false when the compiler found errors: it has printed them. */
function compile() {
  try {
    execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.json'], {
      cwd: root,
      stdio: 'inherit',
    });
    return true;
  } catch {
    return false;
  }
}

/** Compiled files whose source is gone: an import of one would still work here, and nowhere else. */
function removeStale(/** @type {string} */ folder) {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const [, stem, kind] = /^(.+?)(?:\.d)?\.(m?[jt]s)(?:\.map)?$/.exec(name) ?? [];
    if (stem === undefined || name === BUNDLE) continue;
    const source = join(root, 'src', `${stem}.${kind?.startsWith('m') ? 'mjs' : 'ts'}`);
    if (existsSync(source)) continue;
    rmSync(join(folder, name));
    rmSync(join(folder, '.tsbuildinfo'), { force: true }); // it would think that the file is still there
  }
}

/** Workers load one file, made now: bundling takes longer than everything else at a start. */
async function bundleWorkflows() {
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(dist, 'workflows', 'index.js'),
    logger: new DefaultLogger('ERROR'),
  });
  const file = join(dist, BUNDLE);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, code);
}
