/**
 * Small programs that are run to their end (git above all): as children of this process, or of a helper where that is cheaper.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../../package.js';
import type { HelperNews, HelperOrder } from './helper.mjs';
import { runHere, type ProgramCall, type ProgramEnd, type RunningProgram } from './run-here.mjs';

export type { ProgramCall, ProgramEnd, RunningProgram };

const helperFile = (): string => join(packageRoot(), 'src', 'tools', 'process', 'helper.mjs');
/** What a program prints is held twice on its way: listings may take it, whole files of a repository not. */
const MAX_SENT = 512 * 1024 * 1024;

let helpers: Helpers | null = null;

/**
 * Has programs started by a helper from here on, in a process that has grown large.
 *
 * @returns what ends the helper, and waits until it is gone
 */
export function useHelper(): () => Promise<void> {
  const opened = (helpers = new Helpers());
  return async () => {
    if (helpers === opened) helpers = null;
    await opened.close();
  };
}

/** Starts a program. */
export function runProgram(call: ProgramCall): RunningProgram {
  const isLarge = call.maxBytes > MAX_SENT || (call.input?.length ?? 0) > MAX_SENT;
  const byHelper = isLarge ? undefined : helpers?.run(call);
  return byHelper ?? runHere(call);
}

/** A helper, and the next one when that has died. */
class Helpers {
  #helper: Helper | null = null;
  /** One that never answered: another would not either. */
  #isHopeless = false;

  /** Null when there is none to be had. */
  run(call: ProgramCall): RunningProgram | null {
    if (this.#helper?.isGone === true) {
      this.#isHopeless ||= !this.#helper.hasAnswered;
      this.#helper = null;
    }
    if (this.#isHopeless) return null;
    return (this.#helper ??= new Helper()).run(call);
  }

  async close(): Promise<void> {
    this.#isHopeless = true;
    await this.#helper?.close();
  }
}

/** One process of helper.mjs. */
class Helper {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (end: ProgramEnd) => void>();
  #lastId = 0;
  isGone = false;
  hasAnswered = false;

  constructor() {
    // Detached: a terminal's Ctrl-C is for the worker to understand, not for what it has started.
    this.#child = fork(helperFile(), [], {
      ...{ cwd: '/', env: {}, execArgv: [], detached: true, serialization: 'advanced' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', ({ id, end }: HelperNews) => {
      this.hasAnswered = true;
      this.#end(id, end);
    });
    this.#child.on('error', () => this.#gone());
    this.#child.on('exit', () => this.#gone());
    this.#child.on('disconnect', () => this.#gone());
    this.#child.unref(); // it ends with us; must not keep us
    this.#rest();
  }

  run(call: ProgramCall): RunningProgram {
    const id = ++this.#lastId;
    const ended = new Promise<ProgramEnd>((resolve) => this.#waiting.set(id, resolve));
    this.#child.channel?.ref();
    this.#send({ id, call });
    return { ended, kill: (signal) => this.#send({ id, kill: signal }) };
  }

  async close(): Promise<void> {
    if (this.isGone) return;
    const gone = once(this.#child, 'exit');
    this.#child.ref();
    this.#child.disconnect();
    await gone;
  }

  #send(order: HelperOrder): void {
    if (this.#child.connected)
      this.#child.send(order, () => undefined); // that it is gone is heard of otherwise
    else this.#gone();
  }

  #end(id: number, end: ProgramEnd): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#rest();
    resolve?.(end);
  }

  /** What it was at may have been done or not, as with a program that was killed. */
  #gone(): void {
    this.isGone = true;
    for (const id of [...this.#waiting.keys()]) this.#end(id, KILLED);
  }

  /** Without anything to wait for it keeps nobody. */
  #rest(): void {
    this.#child.channel?.unref();
  }
}

const NOTHING = Buffer.alloc(0);
const KILLED: ProgramEnd = {
  ...{ exitCode: null, signal: 'SIGKILL', stdout: NOTHING, stderr: NOTHING, tooMuch: false, error: null },
};
