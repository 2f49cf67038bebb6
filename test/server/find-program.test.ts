import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from 'vitest';
import { downloadProgram } from '../../src/server/download-program.js';
import { findProgram, presentProgram } from '../../src/server/find-program.js';
import { CLI_RELEASE } from '../../src/server/program-version.js';
import { SetupError } from '../../src/server/setup-error.js';
import { bundleProgram, type BundledProgram } from '../support/bundled-program.js';
import { processesWith, until } from '../support/processes.js';

// The ways are programs and folders of the test's own: a PATH, a cache, and a network that leads nowhere.
let folder: string;
let env: NodeJS.ProcessEnv;
let told: string[];
const tell = (line: string): void => void told.push(line);

let finder: BundledProgram;
beforeAll(async () => {
  finder = await bundleProgram(join(import.meta.dirname, 'find-program-program.ts'));
});
afterAll(() => finder.remove());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planwright-find-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  mkdirSync(join(folder, 'path'));
  env = {
    PATH: join(folder, 'path'),
    HOME: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    HTTPS_PROXY: 'http://127.0.0.1:9',
  };
  told = [];
});

const cache = (...names: string[]): string => join(folder, 'cache', 'planwright', 'bin', ...names);
const cached = (): string => cache(`temporal-${CLI_RELEASE}`);

function onPath(name: string, script: string): void {
  writeFileSync(join(folder, 'path', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** Stands for Go: what it "builds" is the real program. `first` runs before. */
const fakeGo = (first: string): void =>
  onPath(
    'go',
    `PATH=/usr/bin:/bin\necho "$*" >> ${folder}/go-calls\n${first}\nln -s ${inject('temporalProgram')} "$GOBIN/temporal"`,
  );
const goCalls = (): string[] => readFileSync(join(folder, 'go-calls'), 'utf8').trim().split('\n');

test('TEMPORAL_CLI_PATH comes first', async () => {
  onPath('temporal', 'echo "temporal version 1 (Server 1.99.0)"');
  const program = await findProgram({ ...env, TEMPORAL_CLI_PATH: inject('temporalProgram') }, tell);
  expect(program).toMatchObject({ path: inject('temporalProgram'), foundBy: 'TEMPORAL_CLI_PATH' });
});

test.each([
  ['nothing', '/nowhere/temporal', 'there is no such file'],
  ['another program', '/bin/echo', 'is not the Temporal CLI'],
  ['a file that cannot be run', '/etc/passwd', 'it is not executable'],
])('TEMPORAL_CLI_PATH that names %s is an error, not a reason to look on', async (_, path, why) => {
  onPath('temporal', 'echo "temporal version 1 (Server 1.99.0)"');
  const failing = findProgram({ ...env, TEMPORAL_CLI_PATH: path }, tell);
  await expect(failing).rejects.toThrow(SetupError);
  await expect(failing).rejects.toThrow(why);
  await expect(failing).rejects.toThrow(/unset it/);
});

test('then comes the temporal on the PATH', async () => {
  symlinkSync(inject('temporalProgram'), join(folder, 'path', 'temporal'));
  const program = await findProgram(env, tell);
  expect(program).toMatchObject({ path: join(folder, 'path', 'temporal'), foundBy: 'PATH' });
  expect(program.serverVersion).toMatch(/^1\.\d+\.\d+/);
});

test.each([
  [
    'an old one',
    'echo "temporal version 0.10.0 (server 1.22.0) (ui 2.15)"',
    'holds server 1.22.0, older than 1.29',
  ],
  [
    'one with an old server',
    'echo "temporal version 1.3.0 (Server 1.27.1, UI 2.36.0)"',
    'holds server 1.27.1, older than 1.29',
  ],
  ['a program of somebody else', 'echo "time logic calculator 3"', 'calls itself "time logic calculator 3"'],
  ['a broken one', 'exit 5', 'does not work'],
])('%s on the PATH is passed over, and the person is told', async (_, script, why) => {
  onPath('temporal', script);
  mkdirSync(cache(), { recursive: true });
  symlinkSync(inject('temporalProgram'), cached());
  expect(await findProgram(env, tell)).toMatchObject({ path: cached(), foundBy: 'cache' });
  expect(told).toEqual([expect.stringContaining(why)]);
});

test('a program already in the cache under its plain name serves too', async () => {
  mkdirSync(cache(), { recursive: true });
  symlinkSync(inject('temporalProgram'), cache('temporal'));
  expect(await findProgram(env, tell)).toMatchObject({ path: cache('temporal'), foundBy: 'cache' });
});

test('without a network it is built with Go, once', async () => {
  fakeGo('');
  expect(await findProgram(env, tell)).toMatchObject({ path: cached(), foundBy: 'build' });
  expect(goCalls()).toEqual([
    expect.stringContaining(`github.com/temporalio/cli/cmd/temporal@v${CLI_RELEASE}`),
  ]);
  expect(told.join('\n')).toMatch(
    /^downloading.*…\nno download: .*temporal\.download.*\nbuilding .* with Go.*…\nbuilding .*: done in \d+ s$/,
  );
  expect(await findProgram(env, tell)).toMatchObject({ foundBy: 'cache' });
  expect(goCalls()).toHaveLength(1);
  expect(readdirSync(cache()).filter((name) => !name.startsWith('fetch.lock'))).toEqual([
    `temporal-${CLI_RELEASE}`,
  ]);
});

test('without Go and without a network one message lists what was tried and the four ways', async () => {
  const error = await findProgram(env, tell).catch((thrown: unknown) => thrown);
  if (!(error instanceof SetupError)) throw new Error(`not refused: ${String(error)}`);
  expect(error.message).toMatch(/download: .*temporal\.download.*\n {2}build: Go is not installed/);
  expect(error.remedies).toHaveLength(4);
  expect(error.remedies.join('\n')).toMatch(/PATH[^]*TEMPORAL_CLI_PATH[^]*install Go[^]*TEMPORAL_ADDRESS/);
  expect(existsSync(cached())).toBe(false);
});

test('a build that fails shows what Go said, and leaves nothing behind', async () => {
  onPath('go', 'echo "go: no module proxy" >&2; : > "$GOBIN/temporal"; exit 1');
  await expect(findProgram(env, tell)).rejects.toThrow(
    /build: "go install" ended with exit code 1:\n +go: no module proxy/,
  );
  expect(readdirSync(cache()).filter((name) => !name.startsWith('fetch.lock'))).toEqual([]);
});

test('a build that makes something else is not used', async () => {
  onPath('go', 'printf "#!/bin/sh\\necho hello\\n" > "$GOBIN/temporal"; /bin/chmod 755 "$GOBIN/temporal"');
  await expect(findProgram(env, tell)).rejects.toThrow(
    /build: .*is not the Temporal CLI: it calls itself "hello"/,
  );
});

test('two who need it at once fetch it once', async () => {
  fakeGo('sleep 0.3');
  const both = await Promise.all([findProgram(env, tell), findProgram(env, tell)]);
  expect(both.map(({ path }) => path)).toEqual([cached(), cached()]);
  expect(goCalls()).toHaveLength(1);
});

test('a fetch that was killed does not block the next, and what it left is removed', async () => {
  fakeGo(`sleep 600 & echo $! > ${folder}/sleeper; : > "$GOBIN/half"; wait`);
  const killed = spawn(process.execPath, [finder.file], { env: { ...env }, stdio: 'ignore' });
  await until(
    'it builds',
    () =>
      existsSync(join(folder, 'sleeper')) && readdirSync(cache()).some((name) => name.startsWith('making-')),
  );
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  process.kill(Number(readFileSync(join(folder, 'sleeper'), 'utf8')), 'SIGKILL');
  fakeGo('');
  expect(await findProgram(env, tell)).toMatchObject({ foundBy: 'build' });
  await until('the killed build is gone', () => processesWith(join(folder, 'path', 'go')).length === 0);
  expect(readdirSync(cache()).filter((name) => name.startsWith('making-'))).toEqual([]);
});

test('a network that says nothing is given up', async () => {
  const mute = createServer((socket) => socket.on('error', () => {}));
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void mute.close());
  mkdirSync(cache(), { recursive: true });
  const proxy = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const failing = downloadProgram({ ...env, HTTPS_PROXY: proxy }, cache(), cached(), tell, 1_000);
  await expect(failing).rejects.toThrow('nothing arrived for 1 s');
  expect(readdirSync(cache())).toEqual([]);
  expect(processesWith(cache())).toEqual([]);
});

test('to look for it changes nothing', async () => {
  expect(await presentProgram(env, tell)).toBeNull();
  expect(existsSync(cache())).toBe(false);
});
