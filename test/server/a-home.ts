/**
 * A state directory of its own for a test, and nothing left of it afterwards.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { stopWorker } from '../../src/server/background-worker.js';
import { holdersOf } from '../../src/server/database.js';
import { stopServer, type World } from '../../src/server/embedded.js';
import { freePort } from '../../src/server/free-port.js';
import { databaseFile } from '../../src/server/paths.js';
import { readServerRecord, type ServerRecord } from '../../src/server/server-record.js';
import { workerRecords } from '../../src/server/worker-record.js';
import { killIfThere, processesWith, until } from '../support/processes.js';

export interface Home extends World {
  readonly env: NodeJS.ProcessEnv;
  /** What the person was told. */
  readonly told: string[];
  readonly server: () => ServerRecord;
}

/** Makes a state directory whose server and workers end with the test, whatever became of it. */
export async function aHome(env: NodeJS.ProcessEnv = {}): Promise<Home> {
  const { home, close } = await openHome(env);
  onTestFinished(close);
  return home;
}

/** The same for several tests: `close` is to be called after the last. */
export async function openHome(
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly home: Home; readonly close: () => Promise<void> }> {
  const home = mkdtempSync(join(tmpdir(), 'planwright-home-'));
  const told: string[] = [];
  const world: World = {
    home,
    env: {
      ...process.env,
      PLANWRIGHT_HOME: home,
      PLANWRIGHT_PORT: String(await freePort(null)),
      TEMPORAL_CLI_PATH: inject('temporalProgram'),
      ...env,
    },
    tell: (line) => told.push(line),
  };
  const close = async (): Promise<void> => {
    for (const { cluster } of existsSync(home) ? workerRecords(home) : [])
      await stopWorker(world, cluster, { force: true });
    for (const pid of holdersOf(databaseFile(home))) killIfThere(pid);
    await stopServer(world);
    rmSync(home, { recursive: true, force: true, maxRetries: 10 });
    // What was killed with its worker needs a moment to be gone.
    await until('nothing of it runs any more', () => processesWith(home).length === 0).catch(
      (error: unknown) => {
        for (const pid of processesWith(home)) killIfThere(pid);
        throw error;
      },
    );
  };
  const opened: Home = {
    ...world,
    told,
    server: () => {
      const record = readServerRecord(home);
      if (record === null) throw new Error('no server is recorded');
      return record;
    },
  };
  return { home: opened, close };
}
