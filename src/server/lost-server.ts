/**
 * Finds a server of ours that runs without a record: its starter was killed before writing one, or somebody removed it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { endProcess } from '../os/end-process.js';
import { identityOf, lifeOf } from '../os/process-identity.mjs';
import { holdersOf } from './database.js';
import { answerOf } from './dev-server.js';
import type { World } from './embedded.js';
import { databaseFile } from './paths.js';
import type { ServerRecord } from './server-record.js';
import { settleServer } from './settle-server.js';
import { SetupError } from './setup-error.js';

/** It may just have been started. */
const ANSWER_LIMIT_MS = 10_000;
const STOP_GRACE_MS = 5_000;

/**
 * Returns the record, made now, of the server that holds our database, or null when nobody holds it.
 *
 * To start a second one beside it would ruin the database.
 *
 * @throws SetupError when something else has the database open
 */
export async function adoptLost({ home, tell }: Omit<World, 'env'>): Promise<ServerRecord | null> {
  const database = databaseFile(home);
  for (const pid of new Set([...holdersOf(database), ...startedFor(database)])) {
    const [program = '', ...args] = argumentsOf(pid);
    if (program === '') continue; // it is ending
    const valueOf = (flag: string): string => args[args.indexOf(flag) + 1] ?? '';
    const identity = identityOf(pid);
    if (identity === null) continue; // it ended meanwhile
    if (valueOf('--db-filename') !== database) {
      throw new SetupError(
        `Process ${pid} (${program}) has the Temporal server's database open: "${database}".`,
        [
          'end that process: a database of a running server must not be opened by another',
          'or use another state directory: PLANWRIGHT_HOME=<folder>',
        ],
      );
    }
    const [port, uiPort] = [Number(valueOf('--port')), Number(valueOf('--ui-port'))];
    const namespace = await answerOf(
      pid,
      { database, port },
      () => lifeOf(identity) === 'alive',
      ANSWER_LIMIT_MS,
    );
    if (namespace !== null) return settleServer(home, { pid, program, port, uiPort }, namespace);
    tell(`ending a Temporal server that was left half-started (process ${pid})`);
    await endProcess(identity, STOP_GRACE_MS);
  }
  return null;
}

/** Returns processes that were started for a database and may not have opened it yet: their starter was killed. */
function startedFor(database: string): number[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const args = argumentsOf(pid);
      return args.includes('start-dev') && args[args.indexOf('--db-filename') + 1] === database;
    });
}

/** Returns the arguments a process was started with; empty when that cannot be seen. */
function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
