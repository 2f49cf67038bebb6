// @ts-check
/**
 * Builds `dist/`: the compiled sources and the bundle of the workflows. `node scripts/build.mjs [--types]`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleMerge } from './bundle-merge.mjs';
import { buildStamp, writeBuildStamp } from './stamps.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const src = join(root, 'src');
const dist = join(root, 'dist');
const BUNDLE = join(dist, 'workflow-bundle.js');
const COMMAND_LINE = 'bundle';
/** What the bundle was made from. */
const BUNDLE_KEY = join(dist, 'workflow-bundle.json');

const stamp = buildStamp(root);
rmSync(join(dist, 'build.json'), { force: true }); // until the end this is no build
await compile();
await Promise.all([bundleWorkflows(), bundleCommandLine()]);
if (process.argv.includes('--types')) declareTypes();
writeBuildStamp(root, stamp);

/**
 * File by file, without a look at types: they are a check of their own (`npm run typecheck`), which takes twenty times as
 * long, and whoever starts the program for the first time would wait for it.
 */
async function compile() {
  const sources = readdirSync(src, { recursive: true, encoding: 'utf8' });
  await build({
    entryPoints: sources.filter((name) => name.endsWith('.ts')).map((name) => join(src, name)),
    outdir: dist,
    outbase: src,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    tsconfig: join(root, 'tsconfig.json'),
    logLevel: 'error',
  });
  for (const name of sources.filter((name) => name.endsWith('.mjs')))
    cpSync(join(src, name), join(dist, name));
  const made = new Set(sources.map((name) => name.replace(/\.ts$/, '.js')));
  // A compiled file whose source is gone could still be imported here, and nowhere else.
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const isOurs = /\.m?js$/.test(name) && join(dist, name) !== BUNDLE && !name.startsWith(COMMAND_LINE);
    if (isOurs && !made.has(name)) rmSync(join(dist, name));
  }
}

/**
 * The command line in one file, with its packages: hundreds of small ones take half a second to load. What a command
 * does not need is in it, and not run.
 *
 * Workers are not in it: they must share their classes with the SDK's worker package, which cannot be bundled.
 */
async function bundleCommandLine() {
  const folder = join(dist, COMMAND_LINE);
  rmSync(folder, { recursive: true, force: true });
  await build({
    entryPoints: {
      main: join(dist, 'cli', 'main.js'),
    },
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    charset: 'ascii',
    // Packages that come in both forms: the other one (UMD) loads parts of itself by names that only exist unbundled.
    mainFields: ['module', 'main'],
    minifySyntax: true,
    minifyWhitespace: true,
    define: { 'import.meta.url': '_url' },
    // As `src/os/load-bundle.mjs` runs it.
    banner: { js: '(function(exports,require,module,_url){' },
    footer: { js: '})' },
    external: ['@temporalio/worker', '@temporalio/testing'],
    plugins: [
      {
        name: 'workers stay outside',
        setup: ({ onResolve }) =>
          onResolve({ filter: /\/worker\.js$/ }, () => ({ path: '../worker.js', external: true })),
      },
    ],
    logLevel: 'error',
  });
  writeFileSync(
    join(folder, 'main.js'),
    "import { loadBundle } from '../os/load-bundle.mjs';\n" +
      "export const { main } = loadBundle(new URL('main.cjs', import.meta.url));\n",
  );
  await Promise.all([
    // What nearly each command runs: reading and checking a plan, and a client, which finds no server here.
    warm('main.cjs', 'validate plans/test_simple.json', 'list'),
    bundleMerge(src, join(folder, 'merge')),
  ]);
}

/**
 * Only a gain of time: without it the bundle is compiled at each start.
 *
 * @param {string} bundle
 * @param {string[]} commands
 */
async function warm(bundle, ...commands) {
  const program = join(root, 'scripts', 'warm-bundle.mjs');
  const child = spawn(process.execPath, [program, join(dist, COMMAND_LINE, bundle), ...commands], {
    cwd: root,
    env: { ...process.env, TEMPORAL_ADDRESS: '127.0.0.1:1', PLANWRIGHT_HOME: join(dist, 'nobody') },
    stdio: 'ignore',
    timeout: 60_000,
  });
  await once(child, 'close').catch(() => undefined);
}

/**
 * Workers load one file, made now: bundling takes longer than everything else at a start. It is not made again when
 * nothing that goes into it has changed.
 */
async function bundleWorkflows() {
  const key = await bundleKey();
  if (existsSync(BUNDLE) && existsSync(BUNDLE_KEY) && readFileSync(BUNDLE_KEY, 'utf8') === key) return;
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(dist, 'workflows', 'index.js'),
    logger: new DefaultLogger('ERROR'),
  });
  rmSync(BUNDLE_KEY, { force: true });
  writeFileSync(BUNDLE, code);
  writeFileSync(BUNDLE_KEY, key);
}

/** A hash of the sources that the workflows import, and of the packages' versions. */
async function bundleKey() {
  const { metafile } = await build({
    entryPoints: [join(src, 'workflows', 'index.ts')],
    absWorkingDir: root,
    outfile: 'unused',
    bundle: true,
    write: false,
    metafile: true,
    platform: 'neutral',
    packages: 'external',
    logLevel: 'silent',
  });
  const hash = createHash('sha256');
  for (const name of [...Object.keys(metafile.inputs).sort(), 'package-lock.json', 'scripts/build.mjs']) {
    hash.update(`${name}\0`).update(readFileSync(join(root, name)));
  }
  return hash.digest('hex');
}

/** For programs that use the library: not needed to run. */
function declareTypes() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  execFileSync(
    process.execPath,
    [tsc, '-p', 'tsconfig.json', '--emitDeclarationOnly', '--incremental', 'false'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
}
