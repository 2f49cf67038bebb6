/**
 * What is written down of the background worker, for other processes and for later.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeJson } from '../os/json-file.js';
import { lifeOf, type ProcessIdentity } from '../os/process-identity.mjs';
import { workerRecordFile } from './paths.js';
import type { Target } from './target.js';

/** `<home>/worker.json`, or `worker-<hash>.json` for a cluster elsewhere. */
export interface WorkerRecord {
  readonly format: 1;
  /** Null: of the embedded server. */
  readonly cluster: string | null;
  /** Starts the worker again when it ends; see `keeper.ts`. */
  readonly keeper: ProcessIdentity;
  readonly worker: ProcessIdentity | null;
  /** True once the worker asks for tasks. */
  readonly polling: boolean;
  /** True once both were told to stop: they finish their steps and take no others. */
  readonly draining: boolean;
  /** `buildId` of the code that the worker runs. */
  readonly build: string;
  readonly target: WorkerTarget;
  /** RFC 3339. */
  readonly startedAt: string;
  /** How often the keeper had to start it again. */
  readonly restarts: number;
  /** How it ended the last time. */
  readonly lastEnd: string | null;
  /** Processes of earlier workers that may still be finishing steps. */
  readonly retired: readonly ProcessIdentity[];
}

export interface WorkerTarget {
  readonly address: string;
  readonly namespace: string;
  /** A hash of how to connect, credentials included: a worker with old ones is replaced. */
  readonly credentials: string;
}

export function workerTargetOf({ address, namespace, connectionOptions }: Target): WorkerTarget {
  const text = JSON.stringify(connectionOptions, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
  );
  return { address, namespace, credentials: createHash('sha256').update(text).digest('hex').slice(0, 16) };
}

export const sameTarget = (one: WorkerTarget, other: WorkerTarget): boolean =>
  one.address === other.address && one.namespace === other.namespace && one.credentials === other.credentials;

/** Names the cluster a worker serves: null for the embedded server, wherever it listens. */
export const clusterOf = (target: Target): string | null =>
  target.embedded ? null : `${target.address}/${target.namespace}`;

export function readWorkerRecord(home: string, cluster: string | null): WorkerRecord | null {
  const record = readJson(workerRecordFile(home, cluster));
  return isRecord(record) ? record : null;
}

/** Returns the records of all background workers of a state directory. */
export function workerRecords(home: string): readonly WorkerRecord[] {
  const names = existsSync(home)
    ? readdirSync(home).filter((name) => /^worker(-[0-9a-f]+)?\.json$/.test(name))
    : [];
  return names.map((name) => readJson(join(home, name))).filter(isRecord);
}

export const writeWorkerRecord = (home: string, cluster: string | null, record: WorkerRecord): void =>
  writeJson(workerRecordFile(home, cluster), record);

function isRecord(value: unknown): value is WorkerRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Record<string, unknown>;
  return (
    record['format'] === 1 &&
    isObject(record['keeper']) &&
    isObject(record['target']) &&
    Array.isArray(record['retired'])
  );
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** The keeper touches its record this often. */
export const KEEPER_BEAT_MS = 2_000;

/**
 * Says whether a process of the record lives. One in another PID namespace (a plan's step that itself uses Planwright)
 * cannot be seen from here: then the keeper's beats on the record speak for it.
 */
export function isAlive(home: string, cluster: string | null, process: ProcessIdentity | null): boolean {
  if (process === null) return false;
  const life = lifeOf(process);
  if (life !== 'unknown') return life === 'alive';
  const beat = statSync(workerRecordFile(home, cluster), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Date.now() - beat < 10 * KEEPER_BEAT_MS;
}
