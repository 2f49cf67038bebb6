/**
 * A small checkout with the real bootstrap: one dependency (a folder of its own), and a build that a test can hold up.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { root } from '../checkout.js';

export interface MiniCheckout {
  readonly path: string;
  readonly write: (name: string, content: string) => void;
  readonly has: (name: string) => boolean;
  /** Starts its command, as a person would. */
  readonly start: (options?: {
    readonly env?: NodeJS.ProcessEnv;
    readonly node?: readonly string[];
    readonly args?: readonly string[];
  }) => Running;
  /** One line for each build that began, and for each that ended. */
  readonly builds: () => readonly string[];
  /** From now on a build waits, once it has begun, until `letBuild`. */
  readonly holdBuild: () => void;
  readonly letBuild: () => void;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
  readonly stderr: () => string;
}

/** In the place of the real build, which takes seconds: says that it ran, and writes what the real one would. */
const BUILD = `
  import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
  import { setTimeout } from 'node:timers/promises';
  import { fileURLToPath } from 'node:url';
  import { dependency } from 'dependency';
  import { buildStamp, writeBuildStamp } from './stamps.mjs';
  const root = fileURLToPath(new URL('..', import.meta.url));
  const stamp = buildStamp(root);
  rmSync(root + 'dist/build.json', { force: true });
  appendFileSync(root + 'builds.log', 'begin\\n');
  while (existsSync(root + 'hold-build')) await setTimeout(10);
  if (existsSync(root + 'src/broken.ts')) { console.error('src/broken.ts(1,1): error TS1: broken'); process.exit(1); }
  mkdirSync(root + 'dist/bundle', { recursive: true });
  writeFileSync(root + 'dist/workflow-bundle.js', '');
  writeFileSync(root + 'dist/bundle/main.js', \`
    export async function main(args) {
      console.log(JSON.stringify({ args, cwd: process.cwd(), initCwd: process.env.INIT_CWD, dependency: \${dependency} }));
      return args[0] === 'fail' ? 1 : 0;
    }
  \`);
  appendFileSync(root + 'builds.log', 'end\\n');
  writeBuildStamp(root, stamp);
`;

export function aMiniCheckout(): MiniCheckout {
  const path = mkdtempSync(join(tmpdir(), 'planwright-checkout-'));
  const running: ChildProcess[] = [];
  onTestFinished(async () => {
    for (const child of running.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    )) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(path, { recursive: true, force: true, maxRetries: 10 });
  });
  const write = (name: string, content: string): void => {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  };
  const scripts = ['bootstrap.mjs', 'bootstrap-main.mjs', 'stamps.mjs', 'test.mjs', 'count-reporter.mjs'];
  for (const name of [
    'bin/planwright.mjs',
    'bin/start.mjs',
    'src/os',
    ...scripts.map((script) => `scripts/${script}`),
  ]) {
    cpSync(join(root, name), join(path, name), { recursive: true });
  }
  write('scripts/build.mjs', BUILD);
  write('src/index.ts', 'export {};\n');
  write('tsconfig.json', '{}');
  write(
    'dependency/package.json',
    '{ "name": "dependency", "version": "1.0.0", "type": "module", "main": "index.js" }',
  );
  write('dependency/index.js', 'export const dependency = 42;\n');
  const manifest = {
    name: 'planwright',
    version: '0.0.1',
    type: 'module',
    bin: { planwright: 'bin/planwright.mjs' },
    dependencies: { dependency: 'file:dependency' },
  };
  write(
    'package.json',
    JSON.stringify({ ...manifest, scripts: { 'start-plan': 'node bin/planwright.mjs start' } }),
  );
  write(
    'package-lock.json',
    JSON.stringify({
      name: manifest.name,
      version: manifest.version,
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': manifest,
        dependency: { version: '1.0.0' },
        'node_modules/dependency': { resolved: 'dependency', link: true },
      },
    }),
  );
  return {
    path,
    write,
    has: (name) => existsSync(join(path, name)),
    start: ({ env = {}, node = [], args = ['start', 'x'] } = {}) => {
      const child = spawn(process.execPath, [...node, join(path, 'bin/planwright.mjs'), ...args], {
        env: { ...process.env, npm_config_offline: 'true', ...env },
        cwd: tmpdir(),
      });
      running.push(child);
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }));
      return { process: child, ended, stderr: () => stderr };
    },
    builds: () =>
      existsSync(join(path, 'builds.log'))
        ? readFileSync(join(path, 'builds.log'), 'utf8').trim().split('\n')
        : [],
    holdBuild: () => write('hold-build', ''),
    letBuild: () => rmSync(join(path, 'hold-build'), { force: true }),
  };
}
