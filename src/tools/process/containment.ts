/**
 * What it means to hold a command: everything it starts can be told to stop, and nothing of it outlives its end.
 *
 * Two ways: `namespace.ts` leaves the counting to the kernel, `group.ts` does what can be done without.
 */
import type { ProcessIdentity } from '../../os/process-identity.mjs';

export type ContainmentMode = 'namespace' | 'group';

/** One command, with everything decided: what `startCommand` makes of a request. */
export interface Launch {
  /** Absolute path of the executable. */
  readonly program: string;
  /** The first is the name it was called by. */
  readonly argv: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** All of it: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Opened for appending, made if missing. */
  readonly stdout: string;
  readonly stderr: string;
  /** A random word by which `group` finds processes that left their group. `namespace` needs none. */
  readonly mark: string;
}

/** How a command ended. 137 and SIGKILL are not the same. */
export type Ending =
  { readonly kind: 'exit'; readonly code: number } | { readonly kind: 'signal'; readonly signal: string };

/** No command came to be. */
export type Refusal =
  /** It is the request's fault. `permanent`: no later try can do better. */
  | { readonly kind: 'not-started'; readonly message: string; readonly permanent: boolean }
  /** It is the machine's: no memory, no process number, no space for the log. */
  | { readonly kind: 'no-resources'; readonly message: string };

/** A command and all it started. */
export interface ProcessTree {
  readonly kind: 'started';
  /** The process whose end is the end of all (namespace), or the command itself (group). */
  readonly identity: ProcessIdentity;
  /** Comes when the command has ended; what it started may still be dying. Never rejects. */
  readonly exited: Promise<Ending>;
  /** Comes when nothing of it is alive any more, and its logs are whole. Never rejects. */
  readonly ended: Promise<Ending>;
  /** To the command and its process group; one that has ended gets nothing. */
  signal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP'): void;
  /** Ends everything, at once. */
  kill(): void;
}

export interface Containment {
  readonly mode: ContainmentMode;
  /** Why this mode, in words for `doctor`. */
  readonly why: string;
  /** Starts a command. Resolves when it runs, or when it is known why not. Never rejects. */
  launch(launch: Launch): Promise<ProcessTree | Refusal>;
  /** Kills what still runs and ends the helpers. */
  close(): Promise<void>;
}
