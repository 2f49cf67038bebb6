/**
 * Builds the Temporal CLI with Go: takes minutes, once, and needs a Go module proxy but no download site.
 */
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { during, type Tell } from '../os/progress.mjs';
import { which } from '../os/which.js';
import { CLI_RELEASE, WORKSHOP } from './program-version.js';

const MODULE = 'github.com/temporalio/cli';

/**
 * Makes `target`. Half-made files never stand there: Go writes elsewhere, and the whole file is moved.
 *
 * @param folder - on the same file system as `target`
 * @throws Error that says why it is not there
 */
export async function buildProgram(
  env: NodeJS.ProcessEnv,
  folder: string,
  target: string,
  tell: Tell,
): Promise<void> {
  const go = which('go', env);
  if (go === null) throw new Error('Go is not installed (no "go" on the PATH)');
  const workshop = mkdtempSync(join(folder, WORKSHOP));
  try {
    const what = 'building the Temporal server program with Go';
    await during(tell, what, () => install(go, workshop, env), 'once, some 3 minutes on 2 cores');
    renameSync(join(workshop, 'temporal'), target);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

async function install(go: string, workshop: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { execa } = await import('execa'); // only who has to build pays for loading it
  const release = `-X ${MODULE}/internal/temporalcli.Version=${CLI_RELEASE}`; // else it calls itself 0.0.0-DEV
  const ended = await execa(go, ['install', '-ldflags', release, `${MODULE}/cmd/temporal@v${CLI_RELEASE}`], {
    cwd: workshop, // not in somebody's module
    // Without cgo no C compiler is needed. GOOS and GOARCH of a cross-compiling person are not ours.
    env: { ...env, GOBIN: workshop, CGO_ENABLED: '0', GOOS: '', GOARCH: '', GOFLAGS: '' },
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
  });
  if (!ended.failed) return;
  if (ended.exitCode === undefined && ended.signal === undefined)
    throw new Error(`"${go}" could not be started: ${ended.originalMessage ?? ended.shortMessage}`);
  const how = ended.signal ?? `exit code ${ended.exitCode}`;
  throw new Error(`"go install" ended with ${how}:\n${indent(ended.all.slice(-4_000))}`);
}

const indent = (text: string): string => text.trim().replaceAll(/^/gm, '    ');
