import { Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer, createServer as createPlainServer, type Http2Server } from 'node:http2';
import { connect, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { beforeEach, expect, inject, onTestFinished, test } from 'vitest';
import { ensureServer } from '../../src/server/embedded.js';
import { SetupError } from '../../src/server/setup-error.js';
import { connectTarget, findTarget, type Target } from '../../src/server/target.js';
import { processesWith } from '../support/processes.js';
import { aHome } from './a-home.js';
import { anAuthority } from './certificates.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planwright-target-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

async function portOf(server: Server | Http2Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Asks something of the server a target leads to, over the client's kind of connection. */
async function versionAt({ connectionOptions }: Target, withinMs = 60_000): Promise<string> {
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: withinMs });
  try {
    return (await connection.workflowService.getSystemInfo({})).serverVersion ?? '';
  } finally {
    await connection.close();
  }
}

const remote = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: folder,
  PLANWRIGHT_HOME: join(folder, 'home'),
  ...env,
});

// ---- Which one

test('TEMPORAL_ADDRESS names the cluster, and nothing is embedded', async () => {
  const home = await aHome({ TEMPORAL_ADDRESS: inject('temporalAddress'), TEMPORAL_NAMESPACE: 'mine' });
  const target = await connectTarget(home);
  expect(target).toMatchObject({
    address: inject('temporalAddress'),
    namespace: 'mine',
    embedded: false,
    how: 'TEMPORAL_ADDRESS',
  });
  expect(processesWith(home.home)).toEqual([]);
  expect(await versionAt(target)).toMatch(/^1\./);
});

test('a cluster that is named wins over an embedded server that runs', async () => {
  const home = await aHome();
  await ensureServer(home);
  const target = await findTarget({ ...home.env, TEMPORAL_ADDRESS: inject('temporalAddress') });
  expect(target?.address).toBe(inject('temporalAddress'));
});

test('a profile names the cluster too: in the usual file, or in one that is named', async () => {
  const toml =
    '[profile.default]\naddress = "10.0.0.1:7233"\n[profile.prod]\naddress = "10.0.0.2:7233"\nnamespace = "prod"\n';
  const path = file('.config/temporalio/temporal.toml', toml);
  expect(await findTarget(remote({}))).toMatchObject({
    address: '10.0.0.1:7233',
    namespace: 'default',
    how: `profile "default" in ${path}`,
  });
  expect(await findTarget(remote({ TEMPORAL_PROFILE: 'prod' }))).toMatchObject({
    address: '10.0.0.2:7233',
    namespace: 'prod',
  });
  const named = file('other.toml', toml.replace('10.0.0.1', '10.0.0.3'));
  expect(await findTarget(remote({ TEMPORAL_CONFIG_FILE: named }))).toMatchObject({
    address: '10.0.0.3:7233',
  });
  expect(await findTarget(remote({ TEMPORAL_ADDRESS: '10.0.0.9:1' }))).toMatchObject({
    address: '10.0.0.9:1',
    how: 'TEMPORAL_ADDRESS',
  });
});

test.each([
  ['a profile that is not there', { TEMPORAL_PROFILE: 'nope' }, /'nope' not found/],
  [
    'a file that is not there',
    { TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' },
    /there is no file "\/nowhere\/temporal\.toml"/,
  ],
  [
    'a certificate without its key',
    { TEMPORAL_ADDRESS: 'a:1', TEMPORAL_TLS_CLIENT_CERT_DATA: 'x' },
    /a client certificate and its key go together/,
  ],
  [
    'a certificate file that is not there',
    { TEMPORAL_ADDRESS: 'a:1', TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/nowhere/ca.pem' },
    /\/nowhere\/ca\.pem/,
  ],
])('%s is an error that says where the setting comes from', async (_, settings, why) => {
  const failing = findTarget(remote(settings));
  await expect(failing).rejects.toThrow(SetupError);
  await expect(failing).rejects.toThrow(why);
  await expect(failing).rejects.toThrow(Object.keys(settings)[0]);
});

test('a broken configuration file is an error that names it', async () => {
  const path = file('.config/temporalio/temporal.toml', '[profile.default\naddress=');
  await expect(findTarget(remote({}))).rejects.toThrow(path);
});

test('a configuration file without a profile is named', async () => {
  const path = file('.config/temporalio/temporal.toml', '# nothing yet\n\n');
  await expect(findTarget(remote({}))).rejects.toThrow(`the file "${path}" has no profile`);
});

test('settings without an address are named, not silently dropped', async () => {
  const told: string[] = [];
  expect(await findTarget(remote({ TEMPORAL_NAMESPACE: 'mine' }), (line) => told.push(line))).toBeNull();
  expect(told).toEqual(['no effect without an address (TEMPORAL_ADDRESS): TEMPORAL_NAMESPACE']);
});

test('an empty variable counts as unset', async () => {
  expect(await findTarget(remote({ TEMPORAL_ADDRESS: '' }))).toBeNull();
});

test('a server that the person runs on the usual port is used, but not with a state directory of one’s own', async () => {
  const port = inject('temporalAddress').split(':')[1];
  const own = { ...remote({}), PLANWRIGHT_PORT: port };
  expect(await findTarget(own)).toBeNull();
  const usual: NodeJS.ProcessEnv = { ...own, XDG_STATE_HOME: join(folder, 'state') };
  delete usual['PLANWRIGHT_HOME'];
  expect(await findTarget(usual)).toMatchObject({
    address: inject('temporalAddress'),
    embedded: false,
    namespace: 'default',
  });
});

test('the embedded server of another state directory is nobody else’s', async () => {
  const other = await aHome();
  await ensureServer(other);
  const usual: NodeJS.ProcessEnv = {
    ...remote({}),
    PLANWRIGHT_PORT: other.env['PLANWRIGHT_PORT'],
    XDG_STATE_HOME: join(folder, 'state'),
  };
  delete usual['PLANWRIGHT_HOME'];
  expect(await findTarget(usual)).toBeNull();
});

test('two state directories have a server each, and do not see each other’s', async () => {
  const [one, other] = await Promise.all([aHome(), aHome()]);
  const [first, second] = await Promise.all([connectTarget(one), connectTarget(other)]);
  expect(first.address).not.toBe(second.address);
  expect((await findTarget(one.env))?.address).toBe(first.address);
  expect((await findTarget(other.env))?.address).toBe(second.address);
});

test('the Web UI of a cluster is what the person says, or Temporal Cloud’s, or not known', async () => {
  expect(
    await findTarget(remote({ TEMPORAL_ADDRESS: 'a:1', PLANWRIGHT_WEB_UI: 'https://ui.example' })),
  ).toMatchObject({ webUi: 'https://ui.example' });
  expect(await findTarget(remote({ TEMPORAL_ADDRESS: 'x.y.tmprl.cloud:7233' }))).toMatchObject({
    webUi: 'https://cloud.temporal.io',
  });
  expect(await findTarget(remote({ TEMPORAL_ADDRESS: 'a:1' }))).toMatchObject({ webUi: null });
});

// ---- TLS and keys, against servers that insist on them

test('a client certificate opens a cluster that asks for one; without it the door stays shut', async () => {
  const authority = anAuthority('test authority');
  const server = authority.issue('server');
  const client = authority.issue('client');
  const [host = '', port] = inject('temporalAddress').split(':');
  const door = createServer(
    {
      cert: server.certificate,
      key: server.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
    },
    (secure) => {
      const plain = connect(Number(port), host);
      for (const socket of [secure, plain]) socket.on('error', () => socket.destroy());
      secure.pipe(plain).pipe(secure);
    },
  );
  door.on('tlsClientError', () => {}); // who has no certificate
  const tls = {
    TEMPORAL_ADDRESS: `127.0.0.1:${await portOf(door)}`,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: file('ca.pem', authority.certificate),
  };
  const withCertificate = await findTarget(
    remote({
      ...tls,
      TEMPORAL_TLS_CLIENT_CERT_PATH: file('client.pem', client.certificate),
      TEMPORAL_TLS_CLIENT_KEY_PATH: file('client.key', client.key),
    }),
  );
  const without = await findTarget(remote(tls));
  if (withCertificate === null || without === null) throw new Error('no target');
  expect(await versionAt(withCertificate)).toMatch(/^1\./);
  const native = await NativeConnection.connect(withCertificate.connectionOptions);
  await native.close();
  await expect(versionAt(without, 2_000)).rejects.toThrow();
  await expect(NativeConnection.connect(without.connectionOptions)).rejects.toThrow();
});

/** Records the `authorization` of each call, and refuses it. */
function noting(server: Http2Server, authorizations: unknown[]): Http2Server {
  return server.on('stream', (stream, headers) => {
    authorizations.push(headers['authorization']);
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': 'noted' },
      { endStream: true },
    );
  });
}

test('an API key goes with every call, over TLS', async () => {
  const authority = anAuthority('test authority');
  const { certificate, key } = authority.issue('server');
  const authorizations: unknown[] = [];
  const port = await portOf(noting(createSecureServer({ cert: certificate, key }), authorizations));
  const target = await findTarget(
    remote({
      TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
      TEMPORAL_API_KEY: 'a-key',
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: file('ca.pem', authority.certificate),
    }),
  );
  if (target === null) throw new Error('no target');
  await expect(versionAt(target)).rejects.toThrow();
  const byClient = authorizations.length;
  await NativeConnection.connect(target.connectionOptions)
    .then((native) => native.close())
    .catch(() => {});
  expect(byClient).toBeGreaterThan(0);
  expect(authorizations.length).toBeGreaterThan(byClient);
  expect(new Set(authorizations)).toEqual(new Set(['Bearer a-key']));
});

test('an API key alone asks for TLS: it never goes over an open line', async () => {
  const authorizations: unknown[] = [];
  const port = await portOf(noting(createPlainServer(), authorizations));
  const target = await findTarget(
    remote({ TEMPORAL_ADDRESS: `127.0.0.1:${port}`, TEMPORAL_API_KEY: 'a-key' }),
  );
  if (target === null) throw new Error('no target');
  expect(target.connectionOptions.tls).toBe(true);
  await expect(NativeConnection.connect(target.connectionOptions)).rejects.toThrow();
  expect(authorizations).toEqual([]);
});
