// @ts-check
/**
 * The tools of the safe merge as programs: one file for each, and one with all of them for the help.
 *
 * A run starts twelve, and what counts then is how soon Node has read them. So each has what it needs and no more, in one
 * file, and in the older form of modules (CommonJS): that takes a third of the time that modules in parts do.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** One line for each tool in `tools.ts`. */
const TOOL = /^ +(\w+): async \(\) => \(await import\('\.\/([\w-]+)\.js'\)\)\.(\w+),$/gm;

/**
 * @param {string} sources - where the sources are
 * @param {string} outdir - gets `<tool>.cjs` and `all.cjs`; each exports `run`
 * @returns {Promise<void>}
 */
export async function bundleMerge(sources, outdir) {
  const folder = join(sources, 'tools', 'safe-merge');
  const listed = readFileSync(join(folder, 'tools.ts'), 'utf8');
  /** @type {Map<string, string>} */
  const entries = new Map([
    ['all', "import { TOOLS } from './tools.js';\nexport const run = () => runMain(TOOLS);\n"],
  ]);
  for (const [, name = '', file, tool] of listed.matchAll(TOOL)) {
    const only = `{ ${name}: () => Promise.resolve(${tool}) }`;
    entries.set(
      name,
      `import { ${tool} } from './${file}.js';\nexport const run = () => runMain(${only});\n`,
    );
  }
  if (entries.size < 2) throw new Error('BUG: no tool was found in tools.ts');
  await build({
    entryPoints: Object.fromEntries([...entries.keys()].map((name) => [name, `entry:${name}`])),
    outdir,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // Packages that come in both forms: the other one (UMD) loads parts of itself by names that only exist unbundled.
    mainFields: ['module', 'main'],
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: 'const _url=require("node:url").pathToFileURL(__filename).href;' },
    define: { 'import.meta.url': '_url' },
    logLevel: 'error',
    plugins: [
      {
        name: 'entries',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice(6), namespace: 'entry' }));
          onLoad({ filter: /.*/, namespace: 'entry' }, ({ path }) => ({
            contents: `import { runMain } from './main.js';\n${entries.get(path) ?? ''}`,
            resolveDir: folder,
            loader: 'js',
          }));
        },
      },
    ],
  });
}
