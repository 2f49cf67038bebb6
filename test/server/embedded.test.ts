import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, inject, onTestFinished, test, vi } from 'vitest';
import { lifeOf } from '../../src/os/process-identity.mjs';
import { ask } from '../../src/server/ask.js';
import { devServerArguments } from '../../src/server/dev-server.js';
import { ensureServer, stopServer } from '../../src/server/embedded.js';
import { freePort } from '../../src/server/free-port.js';
import { databaseFile, serverFolder, serverRecordFile } from '../../src/server/paths.js';
import { readServerRecord, type ServerRecord } from '../../src/server/server-record.js';
import { bundleProgram, type BundledProgram } from '../support/bundled-program.js';
import { processesWith, until } from '../support/processes.js';
import { aHome, type Home } from './a-home.js';

let starter: BundledProgram;
beforeAll(async () => {
  starter = await bundleProgram(join(import.meta.dirname, 'ensure-server-program.ts'));
});
afterAll(() => starter.remove());

/** A process that makes sure of the server, as a command does. */
function start(home: Home): ChildProcess & { readonly stdout: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, [starter.file], {
    env: home.env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function resultOf(child: ReturnType<typeof start>): Promise<ServerRecord> {
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as ServerRecord;
  throw new Error('the starter said nothing');
}

const serversOf = ({ home }: Home): number[] => processesWith(databaseFile(home));

const namespaceOf = async ({ address, namespace }: ServerRecord): Promise<string> => {
  const answer = await ask(address, namespace);
  return answer.kind === 'answered' ? answer.namespace.id : answer.kind;
};

test('the first start makes a server with all that the engine needs', async () => {
  const home = await aHome();
  const record = await ensureServer(home);
  expect(await ask(record.address, record.namespace)).toMatchObject({
    kind: 'answered',
    namespace: {
      id: record.namespaceId,
      retentionSec: 30 * 24 * 3600,
      searchAttributes: expect.arrayContaining([
        'PlanId',
        'RunState',
        'FailedStep',
        'Repository',
        'Branch',
        'Workstream',
        'Tool',
      ]),
    },
  });
  expect(record.address).toBe(`127.0.0.1:${home.env['PLANWRIGHT_PORT']}`);
  await expect.poll(async () => (await fetch(record.webUi)).status).toBe(200);
  expect(statSync(serverFolder(home.home)).mode & 0o077).toBe(0);
  expect(statSync(serverRecordFile(home.home)).mode & 0o077).toBe(0);
});

test('the server listens on the loopback only', async () => {
  const { process: server } = await ensureServer(await aHome());
  const sockets = readdirSync(`/proc/${server.pid}/fd`).map((fd) => linkOf(`/proc/${server.pid}/fd/${fd}`));
  const listening = [
    ...readFileSync('/proc/net/tcp', 'utf8').split('\n'),
    ...readFileSync('/proc/net/tcp6', 'utf8').split('\n'),
  ]
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.includes(`socket:[${inode}]`))
    .map(([, local]) => local?.split(':')[0]);
  expect(listening.length).toBeGreaterThanOrEqual(2); // gRPC and the Web UI at least
  expect(new Set(listening)).toEqual(new Set(['0100007F']));
});

function linkOf(path: string): string {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isSocket() ? `socket:[${statSync(path).ino}]` : '';
  } catch {
    return '';
  }
}

test('a server that runs is found again, by its record', async () => {
  const home = await aHome();
  const first = await ensureServer(home);
  expect(await ensureServer(home)).toEqual(first);
  expect(serversOf(home)).toEqual([first.process.pid]);
});

test('it outlives the process that started it, in a session of its own', async () => {
  const home = await aHome();
  const child = start(home);
  const { process: server, address } = await resultOf(child);
  if (child.exitCode === null) await once(child, 'exit');
  expect(lifeOf(server)).toBe('alive');
  expect(await ask(address, 'default')).toMatchObject({ kind: 'answered' });
  const session = readFileSync(`/proc/${server.pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[3];
  expect(Number(session)).toBe(server.pid);
});

test('it is given room, so that it seldom clears its memory; a person may say otherwise', async () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  const roomOf = async (wish: string | undefined): Promise<string[]> => {
    vi.stubEnv('GOGC', wish);
    const { process: server } = await ensureServer(await aHome());
    return readFileSync(`/proc/${server.pid}/environ`, 'utf8')
      .split('\0')
      .filter((entry) => entry.startsWith('GOGC='));
  };
  expect(await roomOf(undefined)).toEqual(['GOGC=300']);
  expect(await roomOf('50')).toEqual(['GOGC=50']);
});

test('six starts at once make one server', async () => {
  const home = await aHome();
  const records = await Promise.all(Array.from({ length: 6 }, () => resultOf(start(home))));
  expect(new Set(records.map(({ process: server }) => server.pid)).size).toBe(1);
  expect(serversOf(home)).toHaveLength(1);
});

test('a killed server is started again, on its ports, with its data', async () => {
  const home = await aHome();
  const before = await ensureServer(home);
  process.kill(before.process.pid, 'SIGKILL');
  await until('it is dead', () => lifeOf(before.process) === 'dead');
  const after = await ensureServer(home);
  expect(after.process.pid).not.toBe(before.process.pid);
  expect({ ...after, process: null, startedAt: null }).toEqual({ ...before, process: null, startedAt: null });
});

/** Where a starter was killed before it had written down its server: on a busy machine that may be seen too late. */
async function killedWhileItStarts(): Promise<Home> {
  for (let tries = 0; tries < 10; tries += 1) {
    const home = await aHome();
    const child = start(home);
    await until('the server is there', () => serversOf(home).length > 0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    if (readServerRecord(home.home) === null) return home;
  }
  throw new Error('each starter had written down its server before it was killed');
}

test('a starter killed while its server starts leaves nothing that the next cannot heal', async () => {
  const home = await killedWhileItStarts();
  const record = await ensureServer(home);
  expect(await namespaceOf(record)).toBe(record.namespaceId);
  expect(serversOf(home)).toEqual([record.process.pid]);
});

test('a server whose record was lost is found by the lock on its database, not started twice', async () => {
  const home = await aHome();
  const before = await ensureServer(home);
  rmSync(serverRecordFile(home.home));
  const after = await ensureServer(home);
  expect(after.process).toEqual(before.process);
  expect(after.address).toBe(before.address);
  expect(serversOf(home)).toHaveLength(1);
});

test('a port taken by a stranger is left to him, and the person is told', async () => {
  const port = await freePort(null);
  const stranger = createServer((socket) => socket.on('error', () => {}).end('not Temporal'));
  await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void stranger.close());
  const home = await aHome({ PLANWRIGHT_PORT: String(port) });
  const record = await ensureServer(home);
  expect(record.address).not.toBe(`127.0.0.1:${port}`);
  expect(home.told).toEqual([expect.stringContaining(`port ${port} is taken`)]);
  expect(await namespaceOf(record)).toBe(record.namespaceId);
});

test('another Temporal server in the place of ours is not taken for it', async () => {
  const home = await aHome();
  const before = await ensureServer(home);
  await stopServer(home);
  const port = Number(before.address.split(':')[1]);
  const other = await ensureServer(await aHome({ PLANWRIGHT_PORT: String(port) }));
  expect(other.address).toBe(before.address);
  const after = await ensureServer(home);
  expect(after.address).not.toBe(before.address);
  expect(after.namespaceId).toBe(before.namespaceId);
});

test('a stopped server is gone, and its data come back with the next start', async () => {
  const home = await aHome();
  const before = await ensureServer(home);
  expect(await stopServer(home)).toEqual(before);
  expect(serversOf(home)).toEqual([]);
  expect(await stopServer(home)).toBeNull();
  expect((await ensureServer(home)).namespaceId).toBe(before.namespaceId);
});

test('a server without a record is stopped, too', async () => {
  const home = await aHome();
  const { process: server } = await ensureServer(home);
  rmSync(serverRecordFile(home.home));
  expect((await stopServer(home))?.process).toEqual(server);
  expect(lifeOf(server)).toBe('dead');
});

test('a recorded number that now belongs to somebody else is not signalled', async () => {
  const home = await aHome();
  const record = await ensureServer(home);
  await stopServer(home);
  const bystander = spawn('sleep', ['600']);
  onTestFinished(() => void bystander.kill('SIGKILL'));
  const forged = { ...record, process: { ...record.process, pid: bystander.pid } };
  writeFileSync(serverRecordFile(home.home), JSON.stringify(forged));
  expect(await stopServer(home)).toBeNull();
  await ensureServer(home);
  expect(bystander.exitCode).toBeNull();
  expect(bystander.signalCode).toBeNull();
});

// ---- The database

/** Returns what lies in the folders that were moved aside. */
const asides = ({ home }: Home): string[] =>
  readdirSync(home)
    .filter((name) => name.startsWith('server.aside-'))
    .map((name) => join(home, name, 'temporal.db'));

async function withDatabase(content: Buffer): Promise<Home> {
  const home = await aHome();
  await ensureServer(home);
  await stopServer(home);
  rmSync(serverFolder(home.home), { recursive: true });
  mkdirSync(serverFolder(home.home));
  writeFileSync(databaseFile(home.home), content);
  return home;
}

test.each([
  ['an empty file', Buffer.alloc(0), 'not a whole SQLite database'],
  ['a torn file', Buffer.from('SQLite for'), 'not a whole SQLite database'],
  [
    'somebody else’s database',
    Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(4080)]),
    'half-made, or somebody else',
  ],
])('%s in the place of the database is moved aside whole, and the server starts', async (_, content, why) => {
  const home = await withDatabase(content);
  const record = await ensureServer(home);
  expect(await namespaceOf(record)).toBe(record.namespaceId);
  const [aside = ''] = asides(home);
  expect(readFileSync(aside)).toEqual(content);
  expect(home.told).toEqual([expect.stringContaining(why)]);
  expect(home.told[0]).toContain(dirname(aside));
});

test('a damaged database is moved aside with its log, and the person is told how to go on with its runs', async () => {
  const home = await aHome();
  const before = await ensureServer(home);
  await stopServer(home);
  const database = databaseFile(home.home);
  const log = `${database}-wal`;
  rmSync(`${database}-shm`, { force: true });
  if (existsSync(log)) rmSync(log); // most of the content: without it the tables are missing
  const record = await ensureServer(home);
  expect(record.namespaceId).not.toBe(before.namespaceId);
  expect(asides(home)).toHaveLength(1);
  expect(home.told.join('\n')).toMatch(/the server cannot read it/);
  expect(home.told.join('\n')).toContain(`server ${before.serverVersion}`);
});

test('a database of another release is moved aside when its program is gone', async () => {
  const home = await aHome();
  const before = await ensureServer(home);
  await stopServer(home);
  const mark = `${databaseFile(home.home)}.json`;
  const known = JSON.parse(readFileSync(mark, 'utf8')) as object;
  writeFileSync(mark, JSON.stringify({ ...known, serverVersion: '1.99.0', program: '/nowhere/temporal' }));
  const after = await ensureServer(home);
  expect(after.namespaceId).not.toBe(before.namespaceId);
  expect(home.told.join('\n')).toContain('server 1.99.0 made it');
  expect(home.told.join('\n')).toContain('TEMPORAL_CLI_PATH');
});

test('the program that made the database is used when the one found cannot read it', async () => {
  const home = await aHome();
  const before = await ensureServer(home);
  await stopServer(home);
  // A newer release on the PATH, which would not read the database.
  const newer = join(home.home, 'temporal');
  writeFileSync(newer, '#!/bin/sh\necho "temporal version 9.0.0 (Server 1.99.0, UI 9.0.0)"\n', {
    mode: 0o755,
  });
  const after = await ensureServer({ ...home, env: { ...home.env, TEMPORAL_CLI_PATH: newer } });
  expect(after.namespaceId).toBe(before.namespaceId);
  expect(after.program).toBe(before.program);
  expect(home.told.join('\n')).toContain('which made the server');
});

test('a database that another program has open is left alone', async () => {
  const home = await aHome();
  await ensureServer(home);
  await stopServer(home);
  rmSync(serverRecordFile(home.home));
  // The same file under another name, held by a server that is not ours.
  const alias = join(home.home, 'alias');
  symlinkSync(serverFolder(home.home), alias);
  const [port, uiPort] = [await freePort(null), await freePort(null)];
  const holder = spawn(
    inject('temporalProgram'),
    devServerArguments({ database: join(alias, 'temporal.db'), port, uiPort }),
    {
      stdio: 'ignore',
    },
  );
  onTestFinished(() => void holder.kill('SIGKILL'));
  await expect.poll(() => ask(`127.0.0.1:${port}`, 'default')).toMatchObject({ kind: 'answered' });
  await expect(ensureServer(home)).rejects.toThrow(
    new RegExp(`Process ${holder.pid} .*has the Temporal server's database open`),
  );
});

test('a server that cannot start is an error with its last words and its log', async () => {
  const home = await aHome();
  const broken = join(home.home, 'temporal');
  writeFileSync(
    broken,
    '#!/bin/sh\n[ "$1" = --version ] && echo "temporal version 1.5.1 (Server 1.29.1, UI 2)" && exit\necho "no room for maneuver" >&2; exit 3\n',
    { mode: 0o755 },
  );
  const failing = ensureServer({ ...home, env: { ...home.env, TEMPORAL_CLI_PATH: broken } });
  await expect(failing).rejects.toThrow(/did not start: no room for maneuver\n.*server\.log/);
});

test('a port that is none is refused before anything is started', async () => {
  const home = await aHome({ PLANWRIGHT_PORT: 'seven' });
  await expect(ensureServer(home)).rejects.toThrow('PLANWRIGHT_PORT is "seven"');
  expect(serversOf(home)).toEqual([]);
});
