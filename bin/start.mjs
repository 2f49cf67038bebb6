// @ts-check
/**
 * Runs the command line: in a checkout once that is ready, installed at once.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Not part of the installed package, which comes built. */
const bootstrapModule = new URL('../scripts/bootstrap.mjs', import.meta.url);

export async function run() {
  if (existsSync(fileURLToPath(bootstrapModule)) && !(await ready())) return;
  // The bundle loads faster, but has no workers in it.
  const commandLine = process.argv[2] === 'worker' ? '../dist/cli/main.js' : '../dist/bundle/main.js';
  const { main } = await import(new URL(commandLine, import.meta.url).href);
  process.exitCode = await main(process.argv.slice(2));
}

/** Returns false when the checkout could not be made ready: the person has been told why. */
async function ready() {
  const { bootstrap, BootstrapError } = await import(bootstrapModule.href);
  try {
    await bootstrap();
    return true;
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    process.stderr.write(`planwright: ${error.message}\n`);
    process.exitCode = 2; // nothing was started
    return false;
  }
}
