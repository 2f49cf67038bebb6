/**
 * Where the embedded server and the background worker keep their files in the state directory.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export const serverRecordFile = (home: string): string => join(home, 'server.json');
export const serverLock = (home: string): string => join(home, 'locks', 'server');
/** Only its owner may enter: the server's port is open to everybody on the machine, its database is not. */
export const serverFolder = (home: string): string => join(home, 'server');
export const databaseFile = (home: string): string => join(serverFolder(home), 'temporal.db');

export const logFolder = (home: string): string => join(home, 'logs');
export const serverLog = (home: string): string => join(logFolder(home), 'server.log');

/** A worker for each cluster: leaving one for a while does not stop the runs on it. */
export const workerRecordFile = (home: string, cluster: string | null): string =>
  join(home, `worker${suffix(cluster)}.json`);
export const workerLock = (home: string, cluster: string | null): string =>
  join(home, 'locks', `worker${suffix(cluster)}`);
export const workerLog = (home: string, cluster: string | null): string =>
  join(logFolder(home), `worker${suffix(cluster)}.log`);

const suffix = (cluster: string | null): string =>
  cluster === null ? '' : `-${createHash('sha256').update(cluster).digest('hex').slice(0, 12)}`;
