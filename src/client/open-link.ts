/**
 * Opens the way to the Temporal server in force, and sees to it that a worker is there.
 */
import type { Client, Connection } from '@temporalio/client';
import { stateHome } from '../home.js';
import { usableHome } from '../server/usable-home.js';
import type { Target } from '../server/target.js';
import { PlanwrightError } from './errors.js';
import type { Link, Tell } from './link.js';

export interface LinkOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Told what takes long, one line at a time. */
  readonly tell?: Tell;
  /** False: workers are somebody else's business, none is started. */
  readonly startWorker?: boolean;
}

/** A server that a firewall hides never answers: this is how long a person waits for that. */
const CONNECT_MS = 5_000;

export function openLink({
  env = process.env,
  tell = () => undefined,
  startWorker = true,
}: LinkOptions = {}): Link {
  const home = stateHome(env);
  let opened: Promise<{ client: Client; target: Target }> | null = null;
  let worker: Promise<void> | null = null;

  /** The SDK takes longer to load than the server to answer: both at once. */
  const open = async (found: Promise<Target>): Promise<{ client: Client; target: Target }> => {
    const [sdk, target] = await Promise.all([import('../sdk/client.js'), found]);
    try {
      const connection = await sdk.Connection.connect({
        ...target.connectionOptions,
        connectTimeout: CONNECT_MS,
      });
      return { client: new sdk.Client({ connection, namespace: target.namespace }), target };
    } catch (error) {
      throw unreachable(target, error);
    }
  };
  /** Started while the server comes up: its own connecting waits for that. */
  let early: Promise<unknown> = Promise.resolve();
  const start = (withWorker = false): Promise<{ client: Client; target: Target }> => {
    opened ??= open(
      (async () => {
        usableHome(home); // a cluster elsewhere needs it, too: for the records of runs
        const [{ connectTarget, embeddedTarget }, { ensureWorker }] = await Promise.all([
          import('../server/target.js'),
          import('../server/background-worker.js'),
        ]);
        const onAddress = (address: string, namespace: string): void => {
          if (!withWorker) return;
          const target = embeddedTarget({ address, namespace, webUi: '' });
          early = ensureWorker({ home, env, tell }, target).catch(() => undefined); // asked for again, and failing, below
        };
        return connectTarget({ env, tell, onAddress });
      })(),
    );
    return opened;
  };

  return {
    home,
    env,
    tell,
    client: async () => (await start()).client,
    target: async () => (await start()).target,
    async clientIfThere() {
      if (opened === null) {
        const { findTarget } = await import('../server/target.js');
        const target = await findTarget(env, tell);
        if (target === null) return null;
        opened ??= open(Promise.resolve(target));
      }
      return (await opened).client;
    },
    ensureWorker() {
      if (!startWorker) return Promise.resolve();
      worker ??= (async () => {
        const [{ ensureWorker }, { client, target }] = await Promise.all([
          import('../server/background-worker.js'),
          start(true),
        ]);
        await early;
        const polled = async (): Promise<boolean> => {
          const { recentPollers } = await import('../server/pollers.js');
          return (await recentPollers(client.connection as Connection, target.namespace)).length > 0;
        };
        await ensureWorker({ home, env, tell }, target, { polled });
      })();
      return worker;
    },
    async revive() {
      const target = (await opened)?.target;
      if (!startWorker || target?.embedded !== true) return;
      const { up } = await import('../server/lifecycle.js');
      await up({ home, env, tell });
    },
    async close() {
      const open = await opened?.catch(() => null);
      await open?.client.connection.close();
    },
  };
}

function unreachable(target: Target, error: unknown): PlanwrightError {
  const found = error instanceof Error ? error.message : String(error);
  return new PlanwrightError(
    'server-unreachable',
    `the Temporal server at ${target.address} (${target.how}) cannot be reached: ${found}`,
    target.embedded
      ? ['planwright up', 'planwright doctor']
      : ['check TEMPORAL_ADDRESS and the network', 'planwright doctor'],
    { cause: error },
  );
}
