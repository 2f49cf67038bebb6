/**
 * Downloads the Temporal CLI the way Temporal's SDK does.
 *
 * The SDK does it inside its native core, without a time limit: so in a process of its own, which is watched and, when
 * nothing arrives, ended.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compiled } from '../package.js';
import { during, type Tell } from '../os/progress.mjs';
import { CLI_RELEASE, WORKSHOP } from './program-version.js';

/** Without a further byte for so long the download is given up: an unreachable network often says nothing at all. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 500;

/**
 * Makes `target`. Half-made files never stand there: the SDK writes elsewhere, and the whole file is moved.
 *
 * @param folder - on the same file system as `target`
 * @throws Error that says why it is not there
 */
export async function downloadProgram(
  env: NodeJS.ProcessEnv,
  folder: string,
  target: string,
  tell: Tell,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const workshop = mkdtempSync(join(folder, WORKSHOP));
  try {
    await during(tell, 'downloading the Temporal server program', (note) =>
      fetchInto(workshop, env, patienceMs, note),
    );
    const [name] = readdirSync(workshop);
    if (name === undefined) throw new Error('the download ended well but left no file');
    chmodSync(join(workshop, name), 0o755);
    renameSync(join(workshop, name), target);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

function fetchInto(
  workshop: string,
  env: NodeJS.ProcessEnv,
  patienceMs: number,
  note: (text: string) => void,
): Promise<void> {
  const child = spawn(process.execPath, [compiled('server/sdk-download.js'), workshop, `v${CLI_RELEASE}`], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true, // a group of its own, so that the server it tries out ends with it
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-2_000)));
  let bytes = 0;
  let last = performance.now();
  let impatient = false;
  const watch = setInterval(() => {
    const now = sizeOf(workshop);
    if (now !== bytes) {
      [bytes, last] = [now, performance.now()];
      note(`${Math.round(bytes / 1e6)} MB`);
    } else if (performance.now() - last > patienceMs) {
      impatient = true;
      endGroup(child.pid);
    }
  }, LOOK_MS);
  return new Promise<void>((resolve, reject) => {
    child.on('error', (error) =>
      reject(new Error(`"${process.execPath}" could not be started: ${error.message}`)),
    );
    child.on('close', (code) => {
      endGroup(child.pid);
      if (code === 0) resolve();
      else if (impatient) reject(new Error(`nothing arrived for ${Math.round(patienceMs / 1000)} s`));
      else reject(new Error(output.trim() || `it ended with exit code ${code}`));
    });
  }).finally(() => clearInterval(watch));
}

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL');
  } catch {
    // the group is empty: all have ended
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
