/**
 * The way to a Temporal server: opened when it is needed, not before, for many answers lie on the disk.
 */
import type { Client } from '@temporalio/client';
import type { Target } from '../server/target.js';

/** What a person is told while something takes long. */
export type Tell = (line: string) => void;

export interface Link {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly tell: Tell;
  /**
   * Returns a client for the server in force, starting the embedded one where that is it.
   *
   * @throws PlanwrightError `server-unreachable`, or SetupError when it cannot be started
   */
  client(): Promise<Client>;
  /** The same, but starts nothing: null when no server is there. */
  clientIfThere(): Promise<Client | null>;
  /** Where `client` leads. Opens it. */
  target(): Promise<Target>;
  /** Starts a worker where none is. */
  ensureWorker(): Promise<void>;
  /** Starts again what was there and is gone: the embedded server, its worker. Of a cluster elsewhere nothing. */
  revive(): Promise<void>;
  close(): Promise<void>;
}
