/**
 * What is written down of the embedded server, for other processes and for later.
 */
import { readJson, writeJson } from '../os/json-file.js';
import { lifeOf, type ProcessIdentity } from '../os/process-identity.mjs';
import { ask, type Namespace } from './ask.js';
import { serverRecordFile } from './paths.js';

/** `<home>/server.json`, written once the server answered. */
export interface ServerRecord {
  readonly format: 1;
  readonly process: ProcessIdentity;
  /** `host:port` of the gRPC service. */
  readonly address: string;
  readonly webUi: string;
  readonly namespace: string;
  readonly namespaceId: string;
  readonly serverVersion: string;
  readonly program: string;
  readonly database: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

export function readServerRecord(home: string): ServerRecord | null {
  const record = readJson(serverRecordFile(home));
  return isRecord(record) ? record : null;
}

export const writeServerRecord = (home: string, record: ServerRecord): void =>
  writeJson(serverRecordFile(home), record);

function isRecord(value: unknown): value is ServerRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Record<string, unknown>;
  const texts = [
    'address',
    'webUi',
    'namespace',
    'namespaceId',
    'serverVersion',
    'program',
    'database',
    'startedAt',
  ];
  const process = record['process'];
  return (
    record['format'] === 1 &&
    texts.every((key) => typeof record[key] === 'string') &&
    typeof process === 'object' &&
    process !== null &&
    'pid' in process &&
    typeof process.pid === 'number'
  );
}

export type ServerState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'answers'; readonly record: ServerRecord; readonly namespace: Namespace }
  /** The recorded process is gone; who answers in its place is somebody else, or nobody. */
  | { readonly kind: 'gone'; readonly record: ServerRecord }
  /** The recorded process lives and does not answer. */
  | { readonly kind: 'mute'; readonly record: ServerRecord };

/** Returns the state of the recorded server: alive is what answers as itself, whatever its process number says. */
export async function stateOfServer(home: string): Promise<ServerState> {
  const record = readServerRecord(home);
  if (record === null) return { kind: 'absent' };
  const answer = await ask(record.address, record.namespace);
  if (answer.kind === 'answered' && answer.namespace.id === record.namespaceId) {
    return { kind: 'answers', record, namespace: answer.namespace };
  }
  return { kind: lifeOf(record.process) === 'alive' ? 'mute' : 'gone', record };
}
