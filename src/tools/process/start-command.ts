/**
 * Starts a command: checks what can be checked before, hides secrets in its output.
 */
import { unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Containment, Ending, Launch, ProcessTree, Refusal } from './containment.js';
import { findProgram } from './find-program.js';
import { MaskedOutput } from './masked-output.js';
import { cwdRefusal } from './refusal.js';

/** What is asked for. */
export interface CommandSpec {
  readonly command: string;
  readonly args: readonly string[];
  /** True: command and arguments, joined by blanks, are one line for `sh -c`. */
  readonly shell: boolean;
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Log files, opened for appending. */
  readonly stdout: string;
  readonly stderr: string;
  /** Values that must not appear in the logs. Without any the command writes to the files itself. */
  readonly secrets: readonly string[];
  readonly mark: string;
}

const SHELL = '/bin/sh';

/**
 * Starts a command in a containment.
 *
 * Standard input is empty. Output costs the worker nothing, however much it is: the command writes to the files
 * itself, unless secrets must be hidden in it.
 */
export async function startCommand(
  containment: Containment,
  spec: CommandSpec,
): Promise<ProcessTree | Refusal> {
  const launch = await prepare(spec);
  if ('kind' in launch) return launch;
  return spec.secrets.length === 0
    ? containment.launch(launch)
    : launchMasked(containment, launch, spec.secrets);
}

/** Ends a tree: TERM to the command, and after the grace the end of everything. */
export async function stopTree(tree: ProcessTree, graceMs: number): Promise<Ending> {
  const left = new AbortController();
  tree.signal('SIGTERM');
  const patience = sleep(graceMs, undefined, { signal: left.signal }).then(
    () => tree.kill(),
    () => undefined,
  );
  const ending = await tree.ended;
  left.abort();
  await patience;
  return ending;
}

async function prepare(spec: CommandSpec): Promise<Launch | Refusal> {
  const refusal = (message: string, permanent = false): Refusal => ({
    kind: 'not-started',
    message,
    permanent,
  });
  const flaw = nulIn(spec);
  if (flaw !== null) return refusal(`${flaw} holds a NUL, which no process can be given`, true);
  const badDirectory = await cwdRefusal(spec.cwd);
  if (badDirectory !== null) return badDirectory;
  const { cwd, env, stdout, stderr, mark } = spec;
  if (spec.shell) {
    const line = [spec.command, ...spec.args].join(' ');
    return { program: SHELL, argv: ['sh', '-c', line], cwd, env, stdout, stderr, mark };
  }
  const found = findProgram(spec.command, env['PATH'], cwd);
  if (found.kind === 'problem') return refusal(found.message);
  return { program: found.path, argv: [spec.command, ...spec.args], cwd, env, stdout, stderr, mark };
}

/** Returns the name of a part with a NUL in it, or null. */
function nulIn({ command, args, cwd, env }: CommandSpec): string | null {
  if (command.includes('\0')) return 'the command';
  const argument = args.findIndex((text) => text.includes('\0'));
  if (argument !== -1) return `argument ${argument + 1}`;
  if (cwd.includes('\0')) return 'the working directory';
  const variable = Object.entries(env).find(([name, value]) => name.includes('\0') || value.includes('\0'));
  return variable === undefined ? null : `environment variable "${variable[0].replaceAll('\0', '?')}"`;
}

async function launchMasked(
  containment: Containment,
  launch: Launch,
  secrets: readonly string[],
): Promise<ProcessTree | Refusal> {
  const pipes = [`${launch.stdout}.pipe`, `${launch.stderr}.pipe`] as const;
  const flaw = await makePipes(containment, launch, pipes);
  if (flaw !== null) return flaw;
  const outputs = [
    new MaskedOutput(pipes[0], launch.stdout, secrets),
    new MaskedOutput(pipes[1], launch.stderr, secrets),
  ];
  const tree = await containment.launch({ ...launch, stdout: pipes[0], stderr: pipes[1] });
  for (const output of outputs) output.started();
  for (const pipe of pipes) unlinkSync(pipe);
  const written = (): Promise<unknown> => Promise.all(outputs.map((output) => output.finish()));
  if (tree.kind !== 'started') {
    await written();
    return tree;
  }
  const ended = tree.ended.then(async (ending) => {
    await written();
    return ending;
  });
  return { ...tree, ended };
}

/** Node cannot make named pipes; mkfifo is as old as Unix. Returns why there are none, or null. */
async function makePipes(
  containment: Containment,
  launch: Launch,
  pipes: readonly string[],
): Promise<Refusal | null> {
  const found = findProgram('mkfifo', undefined, '/');
  if (found.kind === 'problem') return { kind: 'no-resources', message: found.message };
  const tree = await containment.launch({
    program: found.path,
    argv: ['mkfifo', '-m', '600', '--', ...pipes],
    cwd: '/',
    env: {},
    stdout: launch.stdout,
    stderr: launch.stderr,
    mark: launch.mark,
  });
  if (tree.kind !== 'started') return tree;
  const ending = await tree.ended;
  if (ending.kind === 'exit' && ending.code === 0) return null;
  return {
    kind: 'no-resources',
    message: `cannot make a named pipe in the folder of "${launch.stdout}": does its file system know them?`,
  };
}
