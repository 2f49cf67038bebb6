// @ts-check
/**
 * `npm run test:tools`: proves the adapters of coding tools with the real programs, against a stand-in for the model on this
 * machine, and the safe merge with the real Git LFS. Installs the programs in the user's cache first. Arguments go to the test runner (`-t quota`).
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { REAL_TOOLS, realTool } from './real-tools.mjs';

/** @param {string} line */
const tell = (line) => process.stderr.write(`${line}\n`);

await bootstrap();
/** @type {Record<string, string>} */
const programs = {};
/** @type {string[]} */
const missing = [];
for (const tool of REAL_TOOLS) {
  try {
    programs[tool.name] = await realTool(tool, tell);
  } catch (error) {
    missing.push(tool.name);
    tell(error instanceof Error ? error.message : String(error));
  }
}
const manifest = createRequire(import.meta.url).resolve('vitest/package.json');
const { status } = spawnSync(
  process.execPath,
  [join(dirname(manifest), 'vitest.mjs'), 'run', '--project', 'tools-real', ...process.argv.slice(2)],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, PLANWRIGHT_REAL_TOOLS: JSON.stringify(programs) } },
);
if (missing.length > 0) tell(`not proved, because they are not here: ${missing.join(', ')}`);
process.exit(missing.length > 0 ? 1 : (status ?? 1));
