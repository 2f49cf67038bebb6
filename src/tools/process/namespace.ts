/**
 * Commands in PID namespaces of their own (Linux): `spawner.pl` makes them, this talks to it.
 *
 * When the command ends, its namespace ends, and the kernel kills whatever is left in it. When the worker dies the
 * spawner dies with it, and all the namespaces.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ownIdentity, type ProcessIdentity } from '../../os/process-identity.mjs';
import { packageRoot } from '../../package.js';
import { death } from './death.js';
import type { Containment, Ending, Launch, ProcessTree, Refusal } from './containment.js';
import { errorName, refusalOf } from './refusal.js';
import { signalName } from './signals.js';

const SCRIPT = join(packageRoot(), 'src', 'tools', 'process', 'spawner.pl');

/** Why the kernel, or the machine, does not let us make namespaces. `message` is the cause. */
export class NoNamespaces extends Error {}

/** One request that the spawner has not yet said the last word on. */
interface Command {
  readonly launch: Launch;
  readonly settle: (result: ProcessTree | Refusal) => void;
  /** Null until it runs. */
  running: Running | null;
  ending: Ending;
  refusal: Refusal | null;
}

/**
 * Returns a containment by namespaces, once the spawner is there.
 *
 * A spawner that dies (the memory ran out, somebody killed it) takes its commands with it; the next launch starts another.
 *
 * @param perl - absolute path of the interpreter
 * @throws NoNamespaces when it cannot serve
 */
export async function openNamespaces(perl: string): Promise<Containment> {
  const userNamespace = process.getuid?.() !== 0;
  const open = (): Promise<Spawner> => Spawner.start(perl, userNamespace);
  let spawner = open();
  await spawner;
  let closed = false;
  const living = async (): Promise<Spawner> => {
    const current = spawner;
    const gone = await current.then(
      ({ isGone }) => isGone,
      () => true,
    );
    if (gone && spawner === current) spawner = open(); // unless another launch was first
    return spawner;
  };
  return {
    mode: 'namespace',
    why: userNamespace
      ? 'each command runs in its own PID namespace, inside a user namespace (setuid programs such as sudo have no effect there)'
      : 'each command runs in its own PID namespace',
    async launch(launch) {
      if (closed) return { kind: 'no-resources', message: 'the worker ends: nothing more is started' };
      try {
        return await (await living()).launch(launch);
      } catch (error) {
        return { kind: 'no-resources', message: error instanceof Error ? error.message : String(error) };
      }
    },
    async close() {
      closed = true;
      await (await spawner.catch(() => null))?.close();
    },
  };
}

interface Running {
  readonly identity: ProcessIdentity;
  readonly exit: (ending: Ending) => void;
  readonly end: (ending: Ending) => void;
}

/** One process of spawner.pl. */
class Spawner {
  readonly #child: ChildProcess;
  readonly #input: Socket;
  readonly #output: Socket;
  readonly #commands = new Map<string, Command>();
  readonly #self = ownIdentity();
  #lastId = 0;
  #unread = '';
  #said = '';
  #ready: ((refused: string | null) => void) | null = null;
  isGone = false;

  static async start(perl: string, userNamespace: boolean): Promise<Spawner> {
    const spawner = new Spawner(perl, userNamespace);
    const refused = await new Promise<string | null>((resolve) => (spawner.#ready = resolve));
    if (refused !== null) {
      spawner.#input.end();
      throw new NoNamespaces(refused);
    }
    spawner.#child.unref(); // ends with us; must not keep us
    spawner.#rest();
    return spawner;
  }

  private constructor(perl: string, userNamespace: boolean) {
    // An empty environment: commands of this user may be able to read it as that of their PID 1. Detached: a
    // terminal's Ctrl-C is for the worker to understand, not for its commands.
    this.#child = spawn(perl, [SCRIPT, process.arch, userNamespace ? '1' : '0'], {
      cwd: '/',
      env: {},
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#input = socketOf(this.#child.stdin);
    this.#output = socketOf(this.#child.stdout);
    this.#input.on('error', () => undefined); // it is gone, and `exit` says so
    this.#output.setEncoding('latin1').on('data', (text: string) => this.#read(text));
    socketOf(this.#child.stderr)
      .setEncoding('utf8')
      .on('data', (text: string) => (this.#said = (this.#said + text).slice(-500)))
      .unref();
    this.#child.on('error', (error) => this.#gone(error.message));
    this.#child.on('close', (code, signal) =>
      this.#gone(this.#said.trim() || `perl ended (${signal ?? code})`),
    );
  }

  launch(launch: Launch): Promise<ProcessTree | Refusal> {
    const id = String(++this.#lastId);
    return new Promise((settle) => {
      // Until it is known better: a namespace that ends without a word was killed.
      const ending: Ending = { kind: 'signal', signal: 'SIGKILL' };
      this.#commands.set(id, { launch, settle, running: null, ending, refusal: null });
      this.#output.ref();
      const { cwd, stdout, stderr, program, argv, env } = launch;
      const environment = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      this.#send('run', id, cwd, stdout, stderr, program, String(argv.length), ...argv, ...environment);
    });
  }

  async close(): Promise<void> {
    if (this.isGone) return;
    const closed = once(this.#child, 'close');
    this.#child.ref();
    this.#output.ref();
    this.#input.end();
    await closed;
  }

  #send(...words: string[]): void {
    const body = Buffer.from(words.join('\0'));
    const size = Buffer.alloc(4);
    size.writeUInt32BE(body.length);
    this.#input.write(Buffer.concat([size, body]));
  }

  #read(text: string): void {
    const lines = (this.#unread + text).split('\n');
    this.#unread = lines.pop() ?? '';
    for (const line of lines) this.#take(line.split(' '));
  }

  #take([first = '', verb, ...rest]: string[]): void {
    if (first === 'ready') return this.#ready?.(null);
    if (first === 'refused')
      return this.#ready?.(`the kernel refuses: ${verb} ${errorName(Number(rest[0]))}`);
    const command = this.#commands.get(first);
    if (command === undefined)
      throw new Error(`BUG: spawner.pl speaks of "${first}", which nobody asked for`);
    switch (verb) {
      case 'started':
        this.#started(first, command, Number(rest[0]), rest[1] ?? '');
        return;
      case 'failed':
        command.refusal = refusalOf(rest[0] ?? '', errorName(Number(rest[1])), command.launch);
        return;
      case 'ended':
        command.ending = endingOf(Number(rest[0]));
        command.running?.exit(command.ending);
        return;
      case 'gone':
        this.#commands.delete(first);
        this.#rest();
        conclude(command);
        return;
      default:
        throw new Error(`BUG: spawner.pl says "${verb}"`);
    }
  }

  #started(id: string, command: Command, pid: number, ticks: string): void {
    const signal = (name: NodeJS.Signals): void => {
      if (this.#commands.has(id)) this.#send('kill', id, String(constants.signals[name]));
    };
    const identity = { ...this.#self, pid, startedAt: ticks };
    const [exited, exit] = promised<Ending>();
    const [ended, end] = promised<Ending>();
    command.running = { identity, exit, end };
    command.settle({
      kind: 'started',
      identity,
      exited,
      ended,
      signal,
      kill: () => signal('SIGKILL'),
    });
  }

  #gone(why: string): void {
    this.isGone = true;
    this.#ready?.(why);
    // The kernel is killing every namespace: the life of their init is bound to the spawner's.
    for (const command of this.#commands.values()) {
      command.refusal ??= { kind: 'no-resources', message: `the process that starts commands ended: ${why}` };
      if (command.running === null) conclude(command);
      else void death(command.running.identity).then(() => conclude(command));
    }
    this.#commands.clear();
  }

  /** Lets Node end while nothing runs. */
  #rest(): void {
    if (this.#commands.size > 0) return;
    this.#output.unref();
    this.#input.unref();
  }
}

function conclude(command: Command): void {
  if (command.running === null) {
    command.settle(
      command.refusal ?? { kind: 'no-resources', message: 'the process was killed while it started' },
    );
  } else {
    command.running.exit(command.ending); // no news, unless it was killed without a word
    command.running.end(command.ending);
  }
}

function promised<T>(): [Promise<T>, (value: T) => void] {
  let settle: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (settle = resolve));
  return [promise, settle];
}

/** Reads a wait status: the exit code is in the high byte, the signal in the low seven bits. */
function endingOf(status: number): Ending {
  const signal = status & 0x7f;
  return signal === 0 ? { kind: 'exit', code: status >> 8 } : { kind: 'signal', signal: signalName(signal) };
}

/** Node's pipes to a child are sockets, though typed as streams. */
function socketOf(stream: unknown): Socket {
  if (!(stream instanceof Socket)) throw new Error('BUG: a pipe to a child is not a socket');
  return stream;
}
