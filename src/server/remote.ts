/**
 * A Temporal cluster named by the person: by Temporal's own environment variables, or a profile in its `temporal.toml`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { ConnectionOptions } from '@temporalio/client';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { SetupError } from './setup-error.js';

/** Options that both kinds of connection take: the client's and the worker's. */
export type SharedConnectionOptions = Pick<ConnectionOptions, 'address' | 'tls' | 'apiKey' | 'metadata'> &
  Pick<NativeConnectionOptions, 'address' | 'tls' | 'apiKey' | 'metadata'>;

export interface RemoteCluster {
  readonly address: string;
  readonly namespace: string;
  readonly connectionOptions: SharedConnectionOptions;
  readonly webUi: string | null;
  /** What named it: for `doctor`. */
  readonly how: string;
}

export interface Configured {
  readonly cluster: RemoteCluster | null;
  /** Settings that have no effect, because no address goes with them. */
  readonly idle: readonly string[];
}

const DEFAULT_NAMESPACE = 'default';
/** Temporal Cloud: mTLS has the namespace in the address, API keys a regional address. */
const CLOUD = /\.(tmprl\.cloud|api\.temporal\.io):\d+$/;

/**
 * Returns the cluster that Temporal's environment configuration names, or null when it names none.
 *
 * @throws SetupError when the configuration cannot be used: a profile or a file that is not there, bad TOML
 */
export async function configuredCluster(env: NodeJS.ProcessEnv): Promise<Configured> {
  const set = Object.keys(env).filter(
    (name) => name.startsWith('TEMPORAL_') && name !== 'TEMPORAL_CLI_PATH' && env[name] !== '',
  );
  const file = configFile(env);
  if (set.length === 0 && file === null) return { cluster: null, idle: [] }; // without loading anything
  const { loadClientConfigProfile, toClientOptions } = await import('../sdk/envconfig.js');
  let config;
  try {
    if (file !== null && !existsSync(file)) throw new Error(`there is no file "${file}"`);
    if (file !== null && isEmpty(file)) throw new Error(`the file "${file}" has no profile`);
    const profile = loadClientConfigProfile({ overrideEnvVars: present(env) });
    const { clientCert, clientKey } = profile.tls ?? {};
    if ((clientCert === undefined) !== (clientKey === undefined)) {
      throw new Error('a client certificate and its key go together, but only one of them is named'); // else both are ignored
    }
    config = toClientOptions(profile);
  } catch (error) {
    throw new SetupError(
      `Temporal's configuration cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      [
        `it comes from: ${[...set, ...(file === null ? [] : [file])].join(', ')}`,
        'mend it, or take it away to use the embedded server',
      ],
    );
  }
  const { connectionOptions, namespace } = config;
  const { address, tls, apiKey, metadata } = connectionOptions;
  if (!address) return { cluster: null, idle: set };
  const cluster: RemoteCluster = {
    address,
    namespace: namespace ?? DEFAULT_NAMESPACE,
    connectionOptions: {
      address,
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(metadata === undefined ? {} : { metadata }),
    },
    webUi: env['PLANWRIGHT_WEB_UI'] || (CLOUD.test(address) ? 'https://cloud.temporal.io' : null),
    how: howOf(env, file),
  };
  return { cluster, idle: [] };
}

function howOf(env: NodeJS.ProcessEnv, file: string | null): string {
  if (env['TEMPORAL_ADDRESS']) return 'TEMPORAL_ADDRESS';
  const profile = env['TEMPORAL_PROFILE'];
  return `profile "${profile ?? 'default'}" in ${file ?? 'temporal.toml'}`;
}

/** Returns the path of `temporal.toml`, if it is there (or named: then its absence is an error of the loader's). */
function configFile(env: NodeJS.ProcessEnv): string | null {
  const named = env['TEMPORAL_CONFIG_FILE'];
  if (named) return named;
  const file = join(configHome(env), 'temporalio', 'temporal.toml');
  return existsSync(file) ? file : null;
}

/** The SDK takes an empty file for a mistake of its own. */
const isEmpty = (file: string): boolean =>
  readFileSync(file, 'utf8')
    .split('\n')
    .every((line) => /^\s*(#|$)/.test(line));

/** The folders of Temporal's own configuration, by system. */
function configHome(env: NodeJS.ProcessEnv): string {
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support');
  if (process.platform === 'win32') return env['APPDATA'] ?? homedir();
  const xdg = env['XDG_CONFIG_HOME'];
  return xdg && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? homedir(), '.config');
}

/** An empty variable counts as unset; an empty header (`TEMPORAL_GRPC_META_*`) takes one of the profile's away. */
function present(env: NodeJS.ProcessEnv): Record<string, string> {
  const counts = ([name, value]: [string, string | undefined]): boolean =>
    value !== undefined && (value !== '' || name.startsWith('TEMPORAL_GRPC_META_'));
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => counts(entry)));
}
