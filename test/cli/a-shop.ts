/**
 * A state directory with its own server and worker, plans whose commands are in the test's hands, and the command line.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main } from '../../src/cli/main.js';
import { root } from '../checkout.js';
import { openHome, type Home } from '../server/a-home.js';
import { until } from '../support/processes.js';
import { aWorld, type TestWorld } from './a-world.js';

export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command that goes on; the test speaks to its world meanwhile. */
export interface Running {
  readonly world: TestWorld;
  readonly done: Promise<Answer>;
  /** Resolves once this was written to standard output or error. */
  said(text: string | RegExp): Promise<void>;
}

export interface PlanStep {
  readonly id: string;
  readonly [field: string]: unknown;
}

export interface Shop {
  readonly home: Home;
  readonly folder: string;
  /** Writes a plan file and returns its path. */
  plan(name: string, steps: readonly PlanStep[], rest?: object): string;
  /** A command that runs until `release` is called with its name. */
  held(name: string): { readonly command: string; readonly args: readonly string[] };
  release(name: string): void;
  run(...argv: string[]): Promise<Answer>;
  begin(
    argv: readonly string[],
    options?: { readonly terminal?: boolean; readonly answers?: readonly string[] },
  ): Running;
  /** The program in a process of its own. */
  spawn(...argv: string[]): ChildProcess;
  close(): Promise<void>;
}

export const shell = (script: string): { readonly command: string; readonly args: readonly string[] } => ({
  command: 'sh',
  args: ['-c', script],
});

export async function openShop(env: NodeJS.ProcessEnv = {}): Promise<Shop> {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-shop-'));
  const temporary = join(folder, 'tmp'); // what a killed program leaves there goes with the shop
  mkdirSync(temporary);
  // The tests themselves may run under npm; who uses the program in them does not.
  const { home, close } = await openHome({
    ...{ npm_lifecycle_event: '', npm_command: '', TMPDIR: temporary },
    ...env,
  });
  mkdirSync(join(folder, 'gates'));
  const gate = (name: string): string => join(folder, 'gates', name);

  const begin: Shop['begin'] = (argv, { terminal = false, answers } = {}) => {
    const world = aWorld({
      env: { ...home.env, TERM: 'xterm', LANG: 'C.UTF-8', NO_COLOR: '1' },
      cwd: folder,
      terminal,
      ...(answers === undefined ? {} : { answers }),
    });
    const answer = (code: number): Answer => ({ code, out: world.out.text(), err: world.err.text() });
    const done = main(argv, world).then(answer);
    const written = (): string => world.out.text() + world.err.text();
    const has = (text: string | RegExp): boolean =>
      typeof text === 'string' ? written().includes(text) : text.test(written());
    return {
      world,
      done,
      said: (text) =>
        until(`"${String(text)}" is said`, () => has(text)).catch((error: unknown) => {
          throw new Error(`${String(error)}\nwhat was said:\n${written()}`);
        }),
    };
  };

  return {
    home,
    folder,
    plan(name, steps, rest = {}) {
      const file = join(folder, `${name}.json`);
      const full = steps.map((step) => ({ name: step.id, command: 'true', args: [], ...step }));
      const plan = {
        plan_id: name.toUpperCase(),
        version: '1.0',
        globals: { max_concurrency: 4 },
        ...rest,
        steps: full,
      };
      writeFileSync(file, JSON.stringify(plan));
      return file;
    },
    held: (name) =>
      shell(
        `echo "${name} has begun"; until [ -e "${gate(name)}" ]; do sleep 0.05; done; echo "${name} goes on"`,
      ),
    release: (name) => writeFileSync(gate(name), ''),
    run: (...argv) => begin(argv).done,
    begin,
    spawn(...argv) {
      const script = `const { main } = await import(${JSON.stringify(pathToFileURL(join(root, 'dist/cli/main.js')).href)}); process.exitCode = await main(process.argv.slice(1));`;
      return spawn(process.execPath, ['--input-type=module', '-e', script, '--', ...argv], {
        cwd: folder,
        env: home.env,
      });
    },
    async close() {
      await close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** Reads lines of JSON. */
export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
