/**
 * What the keeper of a background worker, and the worker, are told when they are started.
 */
import type { ProcessIdentity } from '../os/process-identity.mjs';

/** The keeper's one argument, as JSON. Nothing secret: arguments can be seen by everybody. Credentials come by environment. */
export interface KeeperOrders {
  readonly home: string;
  /** Null: the embedded server, which the keeper also looks after. */
  readonly cluster: string | null;
  readonly address: string;
  readonly namespace: string;
  /** A worker that lost its keeper and goes on under this one. */
  readonly adopt: ProcessIdentity | null;
  /** Keepers and workers that are replaced: asked to finish their steps and end. */
  readonly retire: readonly ProcessIdentity[];
}

/** The variable that holds a background worker's orders, as JSON. */
export const WORKER_ORDERS = 'PLANWRIGHT_WORKER_ORDERS';

export interface WorkerOrders {
  readonly home: string;
  /** Where the embedded server listens; null for a cluster elsewhere, which the environment names. */
  readonly embedded: { readonly address: string; readonly namespace: string } | null;
}

/** What a worker tells its keeper. */
export interface WorkerMessage {
  /** It asks for tasks; or it has been told to stop, asks for no more, and finishes what it has. */
  readonly kind: 'polling' | 'draining';
}
