import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isBuilt, isInstalled } from '../../scripts/stamps.mjs';
import { root } from '../checkout.js';
import { processesWith, until } from '../support/processes.js';
import { aMiniCheckout } from './mini-checkout.js';

test('a fresh checkout installs, builds, runs; what it says about that goes to stderr', async () => {
  const checkout = aMiniCheckout();
  const { code, stdout, stderr } = await checkout.start().ended;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ args: ['start', 'x'], dependency: 42 });
  expect(stderr).toMatch(
    /^planwright: installing dependencies \(npm ci\) …\nplanwright: .*: done in \d+ s\nplanwright: building …\nplanwright: building: done in \d+ s\n$/,
  );
});

test('the second time nothing of it is repeated, and nothing said', async () => {
  const checkout = aMiniCheckout();
  await checkout.start().ended;
  const installed = statSync(join(checkout.path, 'node_modules/.package-lock.json')).mtimeMs;
  expect(await checkout.start().ended).toMatchObject({ code: 0, stderr: '' });
  expect(checkout.builds()).toEqual(['begin', 'end']);
  expect(statSync(join(checkout.path, 'node_modules/.package-lock.json')).mtimeMs).toBe(installed);
});

test('two first starts at once: one prepares, the other waits, both run', async () => {
  const checkout = aMiniCheckout();
  checkout.holdBuild();
  const [one, other] = [checkout.start(), checkout.start()];
  await until('one waits', () => `${one.stderr()}${other.stderr()}`.includes('waiting for it'));
  await until('the build has begun', () => checkout.builds().length > 0);
  checkout.letBuild();
  const ends = await Promise.all([one.ended, other.ended]);
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  expect(checkout.builds()).toEqual(['begin', 'end']);
});

test('a start killed while it builds blocks nobody for longer than its build lasts, and none is begun beside it', async () => {
  const checkout = aMiniCheckout();
  checkout.holdBuild();
  const killed = checkout.start();
  await until('the build has begun', () => checkout.builds().length > 0);
  killed.process.kill('SIGKILL');
  await once(killed.process, 'exit');
  expect(isBuilt(checkout.path)).toBe(false);
  const next = checkout.start();
  await until('it waits for the build that goes on', () => next.stderr().includes('waiting for it'));
  checkout.letBuild();
  expect(await next.ended).toMatchObject({ code: 0 });
  expect(checkout.builds()).toEqual(['begin', 'end']);
});

test('a build killed with its start is not believed, and done again', async () => {
  const checkout = aMiniCheckout();
  checkout.holdBuild();
  const killed = checkout.start();
  await until('the build has begun', () => checkout.builds().length > 0);
  killed.process.kill('SIGKILL');
  for (const pid of processesWith(join(checkout.path, 'scripts/build.mjs'))) process.kill(pid, 'SIGKILL');
  checkout.letBuild();
  expect(await checkout.start().ended).toMatchObject({ code: 0 });
  expect(checkout.builds()).toEqual(['begin', 'begin', 'end']);
});

test('an installation that was cut off is done again', async () => {
  const checkout = aMiniCheckout();
  await checkout.start().ended;
  rmSync(join(checkout.path, 'node_modules/.package-lock.json')); // npm writes it last
  expect(isInstalled(checkout.path)).toBe(false);
  expect((await checkout.start().ended).stderr).toContain('installing');
  expect(isInstalled(checkout.path)).toBe(true);
});

test('a new lock file is installed; touched files are not taken for changed ones', async () => {
  const checkout = aMiniCheckout();
  await checkout.start().ended;
  const later = new Date(Date.now() + 60_000);
  for (const name of ['package-lock.json', 'package.json', 'src/index.ts'])
    utimesSync(join(checkout.path, name), later, later);
  expect(await checkout.start().ended).toMatchObject({ stderr: '' });
  for (const name of ['dependency/package.json', 'package-lock.json']) {
    checkout.write(name, readFileSync(join(checkout.path, name), 'utf8').replaceAll('"1.0.0"', '"2.0.0"'));
  }
  expect((await checkout.start().ended).stderr).toMatch(/installing[^]*building/);
});

test('a changed, a new and a removed source are built', async () => {
  const checkout = aMiniCheckout();
  await checkout.start().ended;
  for (const change of [
    () => checkout.write('src/index.ts', 'export const changed = 1;\n'),
    () => checkout.write('src/new/file.ts', 'export {};\n'),
    () => rmSync(join(checkout.path, 'src/new'), { recursive: true }),
  ]) {
    expect(isBuilt(checkout.path)).toBe(true);
    change();
    expect(isBuilt(checkout.path)).toBe(false);
    expect(await checkout.start().ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('building'),
    });
  }
});

test('what a person installed by hand is accepted, when it fits the lock file', async () => {
  const checkout = aMiniCheckout();
  execFileSync('npm', ['ci', '--offline', '--no-audit', '--no-fund'], {
    cwd: checkout.path,
    stdio: 'ignore',
  });
  expect((await checkout.start().ended).stderr).not.toContain('installing');
});

test('a build that fails ends with exit code 2 and the compiler’s words, each time', async () => {
  const checkout = aMiniCheckout();
  checkout.write('src/broken.ts', 'x');
  for (let n = 0; n < 2; n++) {
    const { code, stdout, stderr } = await checkout.start().ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('src/broken.ts(1,1): error TS1: broken');
  }
});

test('an installation that fails ends with exit code 2 and npm’s words, but not its help', async () => {
  const checkout = aMiniCheckout();
  checkout.write(
    'package.json',
    readFileSync(join(checkout.path, 'package.json'), 'utf8').replace('"dependency":', '"other":'),
  );
  const { code, stderr } = await checkout.start().ended;
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /npm ci ended with exit code 1\. Its last words:\nnpm error code EUSAGE[^]*Missing: /,
  );
  expect(stderr).not.toMatch(/--install-strategy|^ {4}at /m);
});

test('without npm, one message says so', async () => {
  const checkout = aMiniCheckout();
  const { code, stderr } = await checkout.start({ env: { PATH: '/nowhere', npm_execpath: '' } }).ended;
  expect(code).toBe(2);
  expect(stderr).toMatch(/"npm" could not be started .*npm comes with Node/);
});

test('the exit code is the command’s', async () => {
  const checkout = aMiniCheckout();
  expect((await checkout.start({ args: ['fail'] }).ended).code).toBe(1);
});

test('under npm run the person’s directory is known to the command', async () => {
  const checkout = aMiniCheckout();
  const output = execFileSync(
    'npm',
    ['--prefix', checkout.path, 'run', '--silent', 'start-plan', '--', 'plans/x.json'],
    {
      cwd: tmpdir(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, npm_config_offline: 'true', INIT_CWD: '' },
    },
  );
  expect(JSON.parse(output)).toMatchObject({
    args: ['start', 'plans/x.json'],
    initCwd: realpathSync(tmpdir()),
  });
});

test('installed as a package, without scripts, it only runs', async () => {
  const checkout = aMiniCheckout();
  await checkout.start().ended;
  for (const name of ['scripts', 'src', 'node_modules', 'package-lock.json'])
    rmSync(join(checkout.path, name), { recursive: true });
  expect(await checkout.start().ended).toMatchObject({ code: 0, stderr: '' });
});

test('an old Node is refused in words, before anything else', async () => {
  const checkout = aMiniCheckout();
  checkout.write('old.cjs', `Object.defineProperty(process.versions, 'node', { value: '18.19.1' });`);
  const { code, stderr } = await checkout.start({ node: ['--require', join(checkout.path, 'old.cjs')] })
    .ended;
  expect(code).toBe(2);
  expect(stderr).toBe(
    'planwright: Node 18.19.1 is too old: 20.20 or newer is needed (https://nodejs.org).\n',
  );
  expect(checkout.has('node_modules')).toBe(false);
});

// ---- npm test

/** Runs `npm test` of a checkout whose tests are these, and returns its last line and exit code. */
function npmTest(tests: Record<string, string>): {
  readonly last: string | undefined;
  readonly code: number;
} {
  const checkout = aMiniCheckout();
  rmSync(join(checkout.path, 'package-lock.json'));
  checkout.write('package-lock.json', '{ "packages": {} }');
  mkdirSync(join(checkout.path, 'node_modules'));
  symlinkSync(join(root, 'node_modules/vitest'), join(checkout.path, 'node_modules/vitest'));
  cpSync(join(checkout.path, 'dependency'), join(checkout.path, 'node_modules/dependency'), {
    recursive: true,
  });
  writeFileSync(join(checkout.path, 'node_modules/.package-lock.json'), '{ "packages": {} }');
  for (const [name, content] of Object.entries(tests))
    checkout.write(name, `import { test, beforeAll } from 'vitest';\n${content}`);
  const env: NodeJS.ProcessEnv = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')),
  );
  let [output, code] = ['', 0];
  try {
    output = execFileSync(process.execPath, [join(checkout.path, 'scripts/test.mjs')], {
      encoding: 'utf8',
      stdio: 'pipe',
      env,
    });
  } catch (error) {
    ({ stdout: output, status: code } = error as { stdout: string; status: number });
  }
  return { last: output.trimEnd().split('\n').at(-1), code };
}

test.each([
  [
    'passed and skipped tests',
    { 'a.test.mjs': `test('a', () => {}); test.skip('b', () => {});`, 'b.test.mjs': `test('c', () => {});` },
    '2 passed, 0 failed, 1 skipped',
    0,
  ],
  [
    'a failed test',
    { 'a.test.mjs': `test('a', () => {}); test('b', () => { throw new Error(); });` },
    '1 passed, 1 failed, 0 skipped',
    1,
  ],
  [
    'a file that cannot be loaded',
    { 'a.test.mjs': `test('a', () => {});`, 'b.test.mjs': `import 'nowhere';` },
    '1 passed, 1 failed, 0 skipped',
    1,
  ],
  [
    'a hook that throws',
    { 'a.test.mjs': `beforeAll(() => { throw new Error(); }); test('a', () => {});` },
    '0 passed, 1 failed, 1 skipped',
    1,
  ],
  [
    'an error outside of tests',
    {
      'a.test.mjs': `test('a', () => { setTimeout(() => { throw new Error('late'); }); return new Promise((r) => setTimeout(r, 50)); });`,
    },
    '1 passed, 1 failed, 0 skipped',
    1,
  ],
  [
    'a runner that dies',
    { 'a.test.mjs': `test('a', () => { process.kill(process.ppid, 'SIGKILL'); });` },
    '0 passed, 1 failed, 0 skipped',
    1,
  ],
  ['no tests at all', {}, '0 passed, 1 failed, 0 skipped', 1],
])('npm test counts %s on its last line', (_, tests, last, code) => {
  expect(npmTest(tests as Record<string, string>)).toEqual({ last, code });
});

// ---- .ci/run

/** Runs `.ci/run` in a checkout whose checks end with these exit codes. */
function ci(exits: { readonly format?: number; readonly lint?: number; readonly test: string }): {
  readonly last: string | undefined;
  readonly code: number;
} {
  const checkout = aMiniCheckout();
  cpSync(join(root, '.ci/run'), join(checkout.path, '.ci/run'));
  const manifest = JSON.parse(readFileSync(join(checkout.path, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  manifest.scripts = {
    'format:check': `exit ${exits.format ?? 0}`,
    lint: `exit ${exits.lint ?? 0}`,
    typecheck: 'exit 0',
  };
  checkout.write('package.json', JSON.stringify(manifest));
  checkout.write('scripts/test.mjs', exits.test);
  const { stdout, status } = spawnSync(join(checkout.path, '.ci/run'), {
    encoding: 'utf8',
    env: { ...process.env, npm_config_offline: 'true' },
  });
  return { last: stdout.trimEnd().split('\n').at(-1), code: status ?? -1 };
}

test.each([
  [
    'all is well',
    { test: `console.log('3 passed, 0 failed, 1 skipped')` },
    '3 passed, 0 failed, 1 skipped',
    0,
  ],
  [
    'a test fails',
    { test: `console.log('3 passed, 1 failed, 0 skipped'); process.exitCode = 1` },
    '3 passed, 1 failed, 0 skipped',
    1,
  ],
  [
    'a file is not formatted',
    { format: 1, test: `console.log('3 passed, 0 failed, 0 skipped')` },
    '3 passed, 0 failed, 0 skipped',
    1,
  ],
  [
    'lint finds something',
    { lint: 1, test: `console.log('3 passed, 0 failed, 0 skipped')` },
    '3 passed, 0 failed, 0 skipped',
    1,
  ],
  [
    'the runner of the tests dies',
    { test: `process.kill(process.pid, 'SIGKILL')` },
    '0 passed, 1 failed, 0 skipped',
    1,
  ],
])('.ci/run when %s: the count is its last line, and the exit code says it', (_, exits, last, code) => {
  expect(ci(exits)).toEqual({ last, code });
});
