/**
 * Asks a Temporal server on this machine who it is, without the SDK: loading that takes longer than everything else
 * that happens before a step starts, and the answer decides whether a server must be started meanwhile.
 *
 * A few fields of four calls are read and written by hand here, by the field numbers of Temporal's published API.
 * Only for plain connections to the loopback; anything else goes through the SDK.
 */
import { connect, type ClientHttp2Session } from 'node:http2';

/** What a server says of itself and of one namespace. */
export interface Namespace {
  /** Made with the database and kept in it: tells one database from another. */
  readonly id: string;
  readonly retentionSec: number;
  /** Names of the search attributes registered for it. */
  readonly searchAttributes: readonly string[];
  /** What `markNamespace` left there. */
  readonly data: Readonly<Record<string, string>>;
  readonly serverVersion: string;
}

export type Answer =
  | { readonly kind: 'answered'; readonly namespace: Namespace }
  /** A Temporal server, but without that namespace. */
  | { readonly kind: 'no-namespace' }
  /** Nobody listens. */
  | { readonly kind: 'refused' }
  /** Somebody listens, who is not a Temporal server, or one that does not work. */
  | { readonly kind: 'stranger'; readonly found: string }
  /** Somebody listens and says nothing. */
  | { readonly kind: 'silent' };

const WORKFLOW_SERVICE = '/temporal.api.workflowservice.v1.WorkflowService';
const OPERATOR_SERVICE = '/temporal.api.operatorservice.v1.OperatorService';
/** `IndexedValueType` of Temporal's API. */
const KEYWORD = 2;
const GRPC_NOT_FOUND = '5';

/** Returns who answers at `host:port`. Never throws: a server that cannot be reached is an answer too. */
export async function ask(address: string, namespace: string, timeoutMs = 2_000): Promise<Answer> {
  try {
    return await onSession(address, timeoutMs, async (call) => {
      const [described, system] = await Promise.all([
        call('DescribeNamespace', text(1, namespace)),
        call('GetSystemInfo', Buffer.alloc(0)),
      ]);
      if (described.status === GRPC_NOT_FOUND) return { kind: 'no-namespace' };
      // A server that is just starting may answer the one and not yet the other.
      for (const { status, message } of [described, system])
        if (status !== '0') return { kind: 'stranger', found: message };
      return {
        kind: 'answered',
        namespace: { ...readNamespace(described.body), serverVersion: string(fields(system.body), 1) },
      };
    });
  } catch (error) {
    return failed(error);
  }
}

/**
 * Sets how long closed runs are kept in a namespace, and leaves a mark in it by which it is known again.
 *
 * @throws Error when the server refuses
 */
export async function markNamespace(
  address: string,
  namespace: string,
  retentionSec: number,
  data: Readonly<Record<string, string>>,
): Promise<void> {
  const marks = Object.entries(data).map(([key, value]) =>
    bytes(3, Buffer.concat([text(1, key), text(2, value)])),
  );
  const request = Buffer.concat([
    text(1, namespace),
    bytes(2, Buffer.concat(marks)), // update_info.data
    bytes(3, bytes(1, Buffer.concat([tag(1, 0), varint(retentionSec)]))), // config.workflow_execution_retention_ttl.seconds
  ]);
  const { status, message } = await onSession(address, 10_000, (call) => call('UpdateNamespace', request));
  if (status !== '0')
    throw new Error(
      `the Temporal server at ${address} refused the settings of namespace "${namespace}": ${message}`,
    );
}

/**
 * Registers search attributes of type Keyword for a namespace.
 *
 * @throws Error when the server refuses
 */
export async function registerSearchAttributes(
  address: string,
  namespace: string,
  names: readonly string[],
): Promise<void> {
  const attributes = names.map((name) =>
    bytes(1, Buffer.concat([text(1, name), tag(2, 0), varint(KEYWORD)])),
  );
  const request = Buffer.concat([...attributes, text(2, namespace)]);
  const { status, message } = await onSession(address, 10_000, (call) =>
    call('AddSearchAttributes', request, OPERATOR_SERVICE),
  );
  if (status !== '0')
    throw new Error(`the Temporal server at ${address} refused to register ${names.join(', ')}: ${message}`);
}

/** Returns how many runs are open in a namespace, or null when the server does not say. */
export async function countOpen(
  address: string,
  namespace: string,
  workflowType: string,
): Promise<number | null> {
  const query = `ExecutionStatus = "Running" AND WorkflowType = "${workflowType}"`;
  const request = Buffer.concat([text(1, namespace), text(2, query)]);
  try {
    const { status, body } = await onSession(address, 5_000, (call) =>
      call('CountWorkflowExecutions', request),
    );
    const count = fields(body).get(1)?.[0] ?? 0; // zero is not sent
    return status === '0' && typeof count === 'number' ? count : null;
  } catch {
    return null; // it does not answer: that is the answer
  }
}

interface Reply {
  readonly status: string;
  readonly message: string;
  readonly body: Buffer;
}
type Call = (method: string, request: Buffer, service?: string) => Promise<Reply>;

async function onSession<T>(address: string, timeoutMs: number, use: (call: Call) => Promise<T>): Promise<T> {
  const session = connect(`http://${address}`);
  let timer: NodeJS.Timeout | undefined;
  const broken = new Promise<never>((_, reject) => {
    session.once('error', reject);
    session.once('close', () => reject(new Error('the connection was closed')));
    timer = setTimeout(() => reject(new SilentError()), timeoutMs);
  });
  try {
    return await Promise.race([
      use((method, request, service = WORKFLOW_SERVICE) => send(session, `${service}/${method}`, request)),
      broken,
    ]);
  } finally {
    clearTimeout(timer);
    session.on('error', () => {}); // what comes after the answer concerns nobody
    session.destroy();
  }
}

class SilentError extends Error {}

function send(session: ClientHttp2Session, path: string, request: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status = '';
    let message = '';
    const take = (headers: Readonly<Record<string, unknown>>): void => {
      if (typeof headers['grpc-status'] === 'string') status = headers['grpc-status'];
      if (typeof headers['grpc-message'] === 'string') message = decodeURIComponent(headers['grpc-message']);
    };
    stream.on('response', take); // an answer without a body has them here
    stream.on('trailers', take);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () =>
      resolve({
        status,
        message: message || `gRPC status "${status}"`,
        body: Buffer.concat(chunks).subarray(5),
      }),
    );
    const prefix = Buffer.alloc(5); // not compressed, length
    prefix.writeUInt32BE(request.length, 1);
    stream.end(Buffer.concat([prefix, request]));
  });
}

function failed(error: unknown): Answer {
  if (error instanceof SilentError) return { kind: 'silent' };
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ECONNREFUSED') return { kind: 'refused' };
  return { kind: 'stranger', found: cause instanceof Error ? cause.message : String(cause) };
}

function readNamespace(body: Buffer): Omit<Namespace, 'serverVersion'> {
  const response = fields(body);
  const info = fields(first(response, 1));
  const config = fields(first(response, 2));
  const seconds = fields(first(config, 1)).get(1)?.[0];
  return {
    id: string(info, 6),
    retentionSec: typeof seconds === 'number' ? seconds : 0,
    searchAttributes: Object.values(entries(config, 7)),
    data: entries(info, 5),
  };
}

// ---- Protocol buffers, as much as is needed: numbers and strings of bytes, by field number.

type Field = number | Buffer;

function fields(message: Buffer): Map<number, Field[]> {
  const found = new Map<number, Field[]>();
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = number();
    const kind = key % 8;
    let value: Field;
    if (kind === 0) value = number();
    else if (kind === 2) {
      const length = number();
      value = message.subarray(at, (at += length));
    } else at += value = kind === 1 ? 8 : 4;
    const id = Math.floor(key / 8);
    found.set(id, [...(found.get(id) ?? []), value]);
  }
  return found;
}

const asBytes = (field: Field | undefined): Buffer => (Buffer.isBuffer(field) ? field : Buffer.alloc(0));
const first = (message: Map<number, Field[]>, id: number): Buffer => asBytes(message.get(id)?.[0]);
const string = (message: Map<number, Field[]>, id: number): string => first(message, id).toString('utf8');

function entries(message: Map<number, Field[]>, id: number): Record<string, string> {
  const pairs = (message.get(id) ?? []).map((entry) => fields(asBytes(entry)));
  return Object.fromEntries(pairs.map((pair) => [string(pair, 1), string(pair, 2)]));
}

function varint(value: number): Buffer {
  const out: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return Buffer.from([...out, value]);
}
const tag = (id: number, kind: 0 | 2): Buffer => varint(id * 8 + kind);
const bytes = (id: number, value: Buffer): Buffer => Buffer.concat([tag(id, 2), varint(value.length), value]);
const text = (id: number, value: string): Buffer => bytes(id, Buffer.from(value, 'utf8'));
