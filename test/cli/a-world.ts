/**
 * A world for a command under test: what it writes is kept, Ctrl-C is in the test's hands.
 */
import type { Output, World } from '../../src/cli/world.js';

export interface TestOutput extends Output {
  readonly text: () => string;
  readonly bytes: () => Buffer;
  /** How often something was written. */
  readonly writes: () => number;
  resize(columns: number, rows: number): void;
}

export function anOutput(isTerminal = false, columns = 80, rows = 24): TestOutput {
  const pieces: Buffer[] = [];
  const listeners = new Set<() => void>();
  let size = { columns, rows };
  return {
    isTerminal,
    size: () => size,
    write: (data) => void pieces.push(Buffer.from(data)),
    drained: () => Promise.resolve(),
    onResize(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    bytes: () => Buffer.concat(pieces),
    text: () => Buffer.concat(pieces).toString('utf8'),
    writes: () => pieces.length,
    resize(newColumns, newRows) {
      size = { columns: newColumns, rows: newRows };
      for (const listener of listeners) listener();
    },
  };
}

export interface TestWorld extends World {
  readonly out: TestOutput;
  readonly err: TestOutput;
  interrupt(): void;
}

export interface WorldOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly terminal?: boolean;
  /** What a person answers, one after the other; without it nobody is there. */
  readonly answers?: readonly string[];
}

export function aWorld({
  env = {},
  cwd = process.cwd(),
  terminal = false,
  answers,
}: WorldOptions = {}): TestWorld {
  const left = [...(answers ?? [])];
  const listeners = new Set<() => void>();
  const err = anOutput(terminal);
  return {
    env: { LANG: 'C.UTF-8', ...env },
    cwd,
    out: anOutput(terminal),
    err,
    canAsk: answers !== undefined,
    ask: (question) => {
      err.write(question);
      return Promise.resolve(left.shift() ?? null);
    },
    now: Date.now,
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    goOnUnread: () => undefined,
    onExit: () => () => undefined,
    interrupt: () => listeners.forEach((listener) => listener()),
  };
}
