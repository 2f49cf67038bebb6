/**
 * Makes a server that answers for the first time ours: settings, mark, record.
 */
import { identityOf } from '../os/process-identity.mjs';
import { markNamespace, registerSearchAttributes, type Namespace } from './ask.js';
import { readMark, writeMark } from './database.js';
import { LOOPBACK, NAMESPACE } from './dev-server.js';
import { databaseFile } from './paths.js';
import { missingSearchAttributes } from './search-attributes.js';
import { writeServerRecord, type ServerRecord } from './server-record.js';
import { SetupError } from './setup-error.js';

/** Closed runs can be looked at in the Web UI for so long; our own records last longer. */
export const RETENTION_SEC = 30 * 24 * 3600;
/** A namespace with this in its data belongs to the embedded server of some state directory. */
export const EMBEDDED_MARK = 'planwright.embedded';

export interface Listening {
  readonly pid: number;
  readonly program: string;
  readonly port: number;
  readonly uiPort: number;
}

/**
 * Gives the server what it lacks, and writes down who and where it is. Safe to do twice.
 *
 * @throws SetupError when its process is gone already
 */
export async function settleServer(
  home: string,
  { pid, program, port, uiPort }: Listening,
  namespace: Namespace,
): Promise<ServerRecord> {
  const address = `${LOOPBACK}:${port}`;
  const database = databaseFile(home);
  // Once for each database: a retention that somebody sets by hand stays.
  if (readMark(database) === null)
    await markNamespace(address, NAMESPACE, RETENTION_SEC, { [EMBEDDED_MARK]: 'true' });
  const missing = missingSearchAttributes(namespace.searchAttributes);
  if (missing.length > 0) await registerSearchAttributes(address, NAMESPACE, missing);
  const process = identityOf(pid);
  if (process === null) {
    throw new SetupError(`The Temporal server (process ${pid}) answered and ended right after.`, [
      'start again',
    ]);
  }
  writeMark(database, {
    format: 1,
    namespaceId: namespace.id,
    serverVersion: namespace.serverVersion,
    program,
  });
  const record: ServerRecord = {
    format: 1,
    process,
    address,
    webUi: `http://${LOOPBACK}:${uiPort}`,
    namespace: NAMESPACE,
    namespaceId: namespace.id,
    serverVersion: namespace.serverVersion,
    program,
    database,
    startedAt: new Date().toISOString(),
  };
  writeServerRecord(home, record);
  return record;
}
