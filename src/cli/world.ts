/**
 * Everything a command touches of the outside: handed in, so that a test can stand in for it.
 */

/** 0 done · 1 the work failed · 2 wrong use or input, nothing was started. `job run` alone ends with its job's own code. */
export type ExitCode = number;

export interface Output {
  readonly isTerminal: boolean;
  /** Of the terminal now; 80 × 24 where there is none. */
  size(): { readonly columns: number; readonly rows: number };
  write(data: string | Uint8Array): void;
  /** Resolves once what was written has gone: between pieces of something large. */
  drained(): Promise<void>;
  /** Returns what ends the listening. */
  onResize(listener: () => void): () => void;
}

export interface World {
  readonly env: NodeJS.ProcessEnv;
  /** Where the person stands: not always where the process runs, see `main.ts`. */
  readonly cwd: string;
  /** Results. */
  readonly out: Output;
  /** Talk: progress, notes, errors. */
  readonly err: Output;
  /** Whether somebody is there to answer a question. */
  readonly canAsk: boolean;
  /** Asks for a line; null when the input ends instead. Only where somebody is there to answer. */
  readonly ask: (question: string) => Promise<string | null>;
  readonly now: () => number;
  /** Called at each Ctrl-C (or SIGTERM) instead of ending the process; returns what ends that. */
  onInterrupt(listener: () => void): () => void;
  /** From now on work is under way: a reader who leaves (`… | head`) ends nothing, and how the work ends is the exit code. */
  goOnUnread(): void;
  /** Called when the process leaves, however it does; returns what ends that. */
  onExit(listener: () => void): () => void;
}
