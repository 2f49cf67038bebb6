/**
 * The embedded Temporal server: one for each state directory, found again or started.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcess } from '../os/end-process.js';
import { withLock, withLockIfRoom } from '../os/lock.mjs';
import type { ProcessIdentity } from '../os/process-identity.mjs';
import type { Tell } from '../os/progress.mjs';
import { moveAside, readMark, sameSchema, unfitBecause } from './database.js';
import { LOOPBACK, NAMESPACE, startDevServer } from './dev-server.js';
import { findProgram, presentProgram, type Program } from './find-program.js';
import { freePort } from './free-port.js';
import { adoptLost } from './lost-server.js';
import { databaseFile, serverFolder, serverLock, serverLog } from './paths.js';
import { checkProgram } from './program-version.js';
import { readServerRecord, stateOfServer, type ServerRecord } from './server-record.js';
import { settleServer } from './settle-server.js';
import { SetupError } from './setup-error.js';
import { usableHome } from './usable-home.js';

/** Temporal's own: the plain CLI finds a server there without being told. */
const TEMPORAL_PORT = 7233;
/** A dev server's Web UI is so far above its port, unless told otherwise. */
export const UI_ABOVE = 1_000;

/** A server whose process lives may be busy with its start; after so long it is taken to hang. */
const MUTE_LIMIT_MS = 10_000;
const MUTE_GRACE_MS = 2_000;
const STOP_GRACE_MS = 10_000;
const LOOK_MS = 50;
/** Somebody else may take a port between our look and the server's start; not time after time. */
const PORT_TRIES = 5;
/** With the database that is there, and with an empty one. */
const DATABASE_TRIES = 2;
/** A dev server looks for free ports itself, and gives up when that fails on a busy machine. */
const OTHER_TRIES = 3;

export interface World {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly tell: Tell;
}

/** Takes the address as soon as it is known, while the server is starting: what connects can be started meanwhile. */
export type OnAddress = (address: string, namespace: string) => void;

/**
 * Returns the record of this state directory's server, which answers; starts it where it does not run.
 *
 * Exactly one results, however many ask at once and whoever is killed meanwhile.
 *
 * @throws SetupError when it cannot be had: with what was found and what helps
 */
export async function ensureServer(world: World, onAddress: OnAddress = () => {}): Promise<ServerRecord> {
  usableHome(world.home);
  const state = await stateOfServer(world.home);
  const record =
    state.kind === 'answers'
      ? state.record
      : await withLock(
          serverLock(world.home),
          'start the Temporal server',
          () => startUnlessThere(world, onAddress),
          waiting(world.tell),
        );
  onAddress(record.address, record.namespace);
  return record;
}

const waiting = (tell: Tell): { onWait: () => void } => ({
  onWait: () => tell('another process is starting or stopping the Temporal server: waiting for it'),
});

async function startUnlessThere(world: World, onAddress: OnAddress): Promise<ServerRecord> {
  const state = await stateOfServer(world.home);
  if (state.kind === 'answers') return state.record;
  if (state.kind === 'mute') {
    const awake = await awaitOrEnd(world, state.record.process);
    if (awake !== null) return awake;
  }
  return (await adoptLost(world)) ?? start(world, onAddress);
}

/** Waits for a server that lives and does not answer; ends it when it stays mute. Returns its record if it woke. */
async function awaitOrEnd({ home, tell }: World, process: ProcessIdentity): Promise<ServerRecord | null> {
  tell(`the Temporal server (process ${process.pid}) lives but does not answer: waiting for it`);
  for (const limit = performance.now() + MUTE_LIMIT_MS; performance.now() < limit; await sleep(LOOK_MS)) {
    const state = await stateOfServer(home);
    if (state.kind === 'answers') return state.record;
    if (state.kind !== 'mute') return null;
  }
  tell(`the Temporal server (process ${process.pid}) stays mute: it is started anew`);
  await endProcess(process, MUTE_GRACE_MS);
  return null;
}

async function start(world: World, onAddress: OnAddress): Promise<ServerRecord> {
  const { home, tell } = world;
  const database = databaseFile(home);
  const log = serverLog(home);
  const program = await programFor(world, database);
  const unfit = unfitBecause(database, program.serverVersion);
  if (unfit !== null) setAside(world, unfit);
  const before = readServerRecord(home);
  const failures = { port: 0, database: 0, other: 0 };
  for (;;) {
    // The ports of before, so that workers and people who were connected find the server again.
    const wanted = before === null ? usualPort(world.env) : portOf(before.address);
    const wantedUi = before === null ? wanted + UI_ABOVE : portOf(before.webUi);
    const port = await freePort(failures.port === 0 ? wanted : null);
    const uiPort = await freePort(failures.port === 0 ? wantedUi : null);
    mkdirSync(serverFolder(home), { recursive: true, mode: 0o700 });
    onAddress(`${LOOPBACK}:${port}`, NAMESPACE);
    const started = await startDevServer({ program: program.path, database, port, uiPort, log });
    if (started.kind === 'answers') {
      // Only now: the port it was to have instead may be taken in the meantime, too.
      if (port !== wanted)
        tell(`port ${wanted} is taken by another program: the Temporal server took ${port}`);
      return settleServer(home, { pid: started.pid, program: program.path, port, uiPort }, started.namespace);
    }
    if (started.because === 'port-taken' && ++failures.port < PORT_TRIES) continue;
    if (started.because === 'database' && ++failures.database < DATABASE_TRIES) {
      setAside(world, `the server cannot read it (${started.lastWords})`);
      continue;
    }
    if (started.because === 'other' && ++failures.other < OTHER_TRIES) continue;
    throw new SetupError(`The Temporal server did not start: ${started.lastWords}`, [
      `its log: ${log}`,
      'what is in force: planwright doctor',
    ]);
  }
}

/** Prefers the program that made the database to one that may not read it: its runs stay in reach. */
async function programFor(
  { env, tell }: World,
  database: string,
): Promise<Pick<Program, 'path' | 'serverVersion'>> {
  const present = await presentProgram(env, tell);
  const mark = existsSync(database) ? readMark(database) : null;
  if (mark === null || (present !== null && sameSchema(mark.serverVersion, present.serverVersion))) {
    return present ?? findProgram(env, tell);
  }
  const maker = await checkProgram(mark.program);
  if (maker.kind === 'bad' || !sameSchema(mark.serverVersion, maker.serverVersion)) {
    return present ?? findProgram(env, tell);
  }
  if (present !== null) {
    tell(
      `using ${mark.program}, which made the server's database, and not ${present.path} (server ${present.serverVersion})`,
    );
  }
  return { path: mark.program, serverVersion: maker.serverVersion };
}

function setAside({ home, tell }: World, why: string): void {
  const mark = readMark(databaseFile(home));
  const aside = moveAside(serverFolder(home), new Date());
  tell(
    `the Temporal server's database was moved to "${aside}" because ${why}; it starts with an empty one.` +
      (mark === null
        ? ''
        : ` Runs that were open are kept in it. To go on with them: "planwright down", move the folder back to ` +
          `"${serverFolder(home)}", and set TEMPORAL_CLI_PATH to a Temporal CLI with server ${mark.serverVersion}.`),
  );
}

/** Returns the port that is taken when it is free: `PLANWRIGHT_PORT`, else Temporal's own. */
export function usualPort(env: NodeJS.ProcessEnv): number {
  const named = env['PLANWRIGHT_PORT'];
  if (!named) return TEMPORAL_PORT;
  const port = Number(named);
  if (Number.isInteger(port) && port > 0 && port + UI_ABOVE < 65_536) return port;
  throw new SetupError(`PLANWRIGHT_PORT is "${named}", which is no port.`, [
    'set it to a number from 1 to 64535, or unset it',
  ]);
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/** Stops the server, by the identity of its process. Returns its record, or null when none ran. */
export async function stopServer(world: Omit<World, 'env'>): Promise<ServerRecord | null> {
  const stop = async (): Promise<ServerRecord | null> => {
    const recorded = readServerRecord(world.home);
    if (recorded !== null && (await endProcess(recorded.process, STOP_GRACE_MS))) return recorded;
    const lost = await adoptLost(world);
    return lost !== null && (await endProcess(lost.process, STOP_GRACE_MS)) ? lost : null;
  };
  return withLockIfRoom(serverLock(world.home), 'stop the Temporal server', stop, waiting(world.tell));
}
