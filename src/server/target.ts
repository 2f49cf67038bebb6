/**
 * Which Temporal server the commands talk to.
 */
import { existsSync } from 'node:fs';
import { stateHome } from '../home.js';
import type { Tell } from '../os/progress.mjs';
import { ask } from './ask.js';
import { holdersOf } from './database.js';
import { LOOPBACK, NAMESPACE } from './dev-server.js';
import { ensureServer, UI_ABOVE, usualPort, type OnAddress } from './embedded.js';
import { databaseFile } from './paths.js';
import { configuredCluster, type SharedConnectionOptions } from './remote.js';
import { stateOfServer, type ServerRecord } from './server-record.js';
import { EMBEDDED_MARK } from './settle-server.js';

export interface Target {
  readonly address: string;
  readonly namespace: string;
  /** For the client's `Connection.connect` and the worker's `NativeConnection.connect`. */
  readonly connectionOptions: SharedConnectionOptions;
  /** True: it belongs to this state directory, and this machine runs it. */
  readonly embedded: boolean;
  /** Root of the Web UI, without a slash at the end; null when it is not known. */
  readonly webUi: string | null;
  /** Why this one, for `doctor`. */
  readonly how: string;
}

export interface TargetOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly tell?: Tell;
  /** For the embedded server: called as soon as its address is known, which is before it answers. */
  readonly onAddress?: OnAddress;
}

/**
 * Returns what to connect to; starts the embedded server if it is the one and does not run.
 *
 * In this order: what Temporal's environment configuration names; the server recorded in the state directory; one that
 * answers on Temporal's default port (not with `PLANWRIGHT_HOME`: who moved the state wants to be apart); the embedded
 * server. When one is running already this costs a file and a round trip.
 *
 * @throws SetupError with what was found and what helps
 */
export async function connectTarget({
  env = process.env,
  tell = () => {},
  onAddress,
}: TargetOptions = {}): Promise<Target> {
  return (
    (await findTarget(env, tell)) ??
    embeddedTarget(await ensureServer({ home: stateHome(env), env, tell }, onAddress))
  );
}

/** As `connectTarget`, but starts nothing: null when the embedded server is the one and does not answer. */
export async function findTarget(
  env: NodeJS.ProcessEnv = process.env,
  tell: Tell = () => {},
): Promise<Target | null> {
  const { cluster, idle } = await configuredCluster(env);
  if (cluster !== null) return { ...cluster, embedded: false };
  if (idle.length > 0) tell(`no effect without an address (TEMPORAL_ADDRESS): ${idle.join(', ')}`);
  const state = await stateOfServer(stateHome(env));
  if (state.kind === 'answers') return embeddedTarget(state.record);
  return env['PLANWRIGHT_HOME'] || isHeld(stateHome(env)) ? null : neighbour(env);
}

/** Our own server runs, though nothing is written down of it: `ensureServer` finds it again. */
const isHeld = (home: string): boolean =>
  existsSync(databaseFile(home)) && holdersOf(databaseFile(home)).length > 0;

/** A dev server that the person runs: but not one that belongs to another state directory. */
async function neighbour(env: NodeJS.ProcessEnv): Promise<Target | null> {
  const address = `${LOOPBACK}:${usualPort(env)}`;
  const answer = await ask(address, NAMESPACE);
  if (answer.kind !== 'answered' || EMBEDDED_MARK in answer.namespace.data) return null;
  return {
    address,
    namespace: NAMESPACE,
    connectionOptions: { address },
    embedded: false,
    webUi: env['PLANWRIGHT_WEB_UI'] || (await webUiOf(address)),
    how: `a Temporal server answers on ${address}`,
  };
}

/** It may have been moved, or switched off. */
async function webUiOf(address: string): Promise<string | null> {
  const [host, port] = address.split(':');
  const url = `http://${host}:${Number(port) + UI_ABOVE}`;
  const answers = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(1_000) }).catch(() => null);
  return answers?.ok === true ? url : null;
}

export const embeddedTarget = (record: Pick<ServerRecord, 'address' | 'namespace' | 'webUi'>): Target => ({
  address: record.address,
  namespace: record.namespace,
  connectionOptions: { address: record.address },
  embedded: true,
  webUi: record.webUi,
  how: 'the embedded server of this state directory',
});
