/**
 * Calling the tools: inside the test, or as the program that plans call.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { bundleMerge } from '../../../../scripts/bundle-merge.mjs';
import { main } from '../../../../src/tools/safe-merge/main.js';
import { TOOLS } from '../../../../src/tools/safe-merge/tools.js';
import { root } from '../../../checkout.js';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in a directory with variables added to the environment. */
export type Runner = (
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
) => Promise<Ran>;

/** Calls the tool's own main: a hundred times faster than a process, and the same but for the process. */
export const runInProcess: Runner = async (command, args, cwd, env) => {
  if (command !== 'planwright-merge') throw new Error(`the plan calls "${command}"`);
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(args, TOOLS, {
    cwd,
    env: { ...process.env, ...env },
    now: () => Date.now(),
    print: (text) => void out.push(`${text}\n`),
    say: (text) => void err.push(`${text}\n`),
  });
  return { code, stdout: out.join(''), stderr: err.join('') };
};

/** Calls one tool inside the test. */
export const tool = (
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> => runInProcess('planwright-merge', args, cwd, env);

export interface Program {
  /** The folder to put first on the PATH. */
  readonly bin: string;
  readonly run: Runner;
  remove(): void;
}

/** Builds the program as it is shipped: bin/, config/ and the bundled tools, in a folder of its own. */
export async function buildProgram(): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-merge-'));
  await bundleMerge(join(root, 'src'), join(folder, 'dist/bundle/merge'));
  for (const part of ['bin/steps', 'config', 'package.json']) {
    mkdirSync(join(folder, 'bin'), { recursive: true });
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  const bin = join(folder, 'bin/steps');
  return {
    bin,
    run: (command, args, cwd, env) => runProcess(bin, command, args, cwd, env),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function runProcess(
  bin: string,
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({
        code: code ?? -1,
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
      });
    });
  });
}
