/**
 * Made once for all tests that need it: the built program, the server program, one server.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { withLock } from '../src/os/lock.mjs';
import { startDevServer } from '../src/server/dev-server.js';
import { findProgram } from '../src/server/find-program.js';
import { freePort } from '../src/server/free-port.js';
import { isBuilt } from '../scripts/stamps.mjs';
import { root } from './checkout.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The Temporal CLI. */
    readonly temporalProgram: string;
    /** The bundle of the workflows, as workers load it. */
    readonly workflowBundle: string;
    /** A server for tests that do not stop it: a namespace or a task queue for each. */
    readonly temporalAddress: string;
  }
}

const tell = (line: string): void => console.error(`tests: ${line}`);

export default async function setUp({ provide }: TestProject): Promise<() => void> {
  const [program] = await Promise.all([findProgram(process.env, tell), build()]);
  process.env['TEMPORAL_CLI_PATH'] = program.path; // so that no test fetches one
  provide('temporalProgram', program.path);
  provide('workflowBundle', join(root, 'dist', 'workflow-bundle.js'));
  const folder = mkdtempSync(join(tmpdir(), 'planwright-tests-'));
  const port = await freePort(null);
  const started = await startDevServer({
    program: program.path,
    database: join(folder, 'temporal.db'),
    port,
    uiPort: await freePort(null),
    log: join(folder, 'server.log'),
  });
  if (started.kind !== 'answers') throw new Error(`no Temporal server for the tests: ${started.lastWords}`);
  provide('temporalAddress', `127.0.0.1:${port}`);
  return () => {
    process.kill(started.pid, 'SIGKILL'); // its database goes with the folder
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  };
}

/** As the program's own start does; not twice at once, and not beside that. */
async function build(): Promise<void> {
  await withLock(join(root, '.planwright', 'bootstrap'), 'build for the tests', () => {
    if (!isBuilt(root))
      execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { stdio: 'inherit' });
  });
}
