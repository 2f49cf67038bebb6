import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.js';
import { main } from '../../src/cli/main.js';
import { oldNames } from '../../src/cli/old-names.js';
import { personsFolder } from '../../src/cli/real-world.js';
import { programName } from '../../src/cli/program-name.js';
import { packageRoot } from '../../src/package.js';
import { root } from '../checkout.js';
import { aWorld } from './a-world.js';

const folder = mkdtempSync(join(tmpdir(), 'planwright-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command that must not need a server: there is none in this state directory, and none may come to be. */
const run = (...argv: string[]): ReturnType<typeof runIn> => runIn(join(folder, 'home'), ...argv);

async function runIn(home: string, ...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const world = aWorld({ env: { PLANWRIGHT_HOME: home }, cwd: folder });
  const code = await main(argv, world);
  return { code, out: world.out.text(), err: world.err.text() };
}

test('every command says how it is used, with an example', async () => {
  for (const { name } of commands) {
    const { code, out } = await run(name, '--help');
    expect(code).toBe(0);
    expect(out).toContain(`Usage: planwright ${name}`);
    expect(out).toMatch(/Examples:\n {2}\$ /);
    if (name !== 'worker') expect(out).toContain('--json');
  }
});

test('every command of a group does so, too', async () => {
  for (const { name, load } of commands) {
    const group = new Command(name);
    (await load()).define(group, { world: aWorld(), exit: () => undefined });
    for (const one of group.commands) {
      let help = '';
      one.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(help).toMatch(new RegExp(`Examples:\n {2}\\$ .*planwright ${name} ${one.name()}`));
    }
  }
});

test('without a command the commands are listed, and that is no success', async () => {
  const { code, out, err } = await run();
  expect([code, out]).toEqual([2, '']);
  for (const { name, summary } of commands) expect(err).toContain(`${name.padEnd(14)} ${summary}`);
});

test('the version is printed', async () => {
  expect(await run('--version')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
  });
});

test('wrong use is told with what is right, and ends with 2', async () => {
  expect(await run('lsit')).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean "list"?') as string,
  });
  expect(await run('status', 'last')).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean "show"?') as string,
  });
  expect(await run('worker', 'lst')).toMatchObject({
    code: 2,
    err: expect.stringMatching(
      /no command "worker lst"; did you mean "worker list"\?\n +there are: list, /,
    ) as string,
  });
  expect(await run('start')).toMatchObject({
    code: 2,
    err: expect.stringContaining("missing required argument 'plan'") as string,
  });
  expect(await run('start', 'x.json', '--var', 'A')).toMatchObject({
    code: 2,
    err: expect.stringContaining('"A" is not of the form NAME=VALUE') as string,
  });
  expect(await run('start', 'x.json', '--prioriti', 'low')).toMatchObject({
    code: 2,
    err: expect.stringContaining('(Did you mean --priority?)') as string,
  });
  expect(await run('start', 'x.json', '--db', 'y')).toMatchObject({
    code: 2,
    err: expect.stringContaining('PLANWRIGHT_HOME') as string,
  });
  expect(await run('list', '--state', 'done')).toMatchObject({
    code: 2,
    err: expect.stringContaining('succeeded') as string,
  });
  expect(await run('prune')).toMatchObject({
    code: 2,
    err: expect.stringContaining('--older-than') as string,
  });
  expect(await run('prune', '--older-than', 'soon')).toMatchObject({
    code: 2,
    err: expect.stringContaining('30d') as string,
  });
});

test('no old name is a command of ours', () => {
  for (const old of oldNames) expect(commands.map((command) => command.name)).not.toContain(old);
});

test('a name that objects have by nature is no command', async () => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    const { code, err } = await run(name);
    expect([code, err.startsWith(`planwright: there is no command "${name}"`)]).toEqual([2, true]);
  }
});

test('with --json an error is JSON too, and nothing else is on standard output', async () => {
  const { code, out } = await run('show', 'nope', '--json');
  expect(code).toBe(2);
  expect(JSON.parse(out)).toMatchObject({
    type: 'error',
    code: 'no-such-run',
    message: 'there is no run "nope"',
  });
});

test('a run that is not there is asked for without starting a server', async () => {
  expect(await run('show', 'last')).toMatchObject({
    code: 2,
    err: expect.stringContaining('there is no run yet') as string,
  });
  expect(await run('list')).toMatchObject({ code: 0, out: '' });
});

test('a plan with errors is told whole, and nothing is started', async () => {
  const plan = {
    plan_id: 'P',
    version: '1',
    globals: { max_concurrency: 0 },
    steps: [{ id: 'a', name: 'A', command: 'true', args: [], depends_on: ['b'] }],
  };
  writeFileSync(join(folder, 'bad.json'), JSON.stringify(plan));
  const { code, out, err } = await run('start', 'bad.json');
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/bad\.json:1:\d+: error: .*max_concurrency/);
  expect(err).toMatch(/bad\.json:1:\d+: error: .*unknown step "b"/);
  const json = await run('start', 'bad.json', '--json');
  expect(JSON.parse(json.out)).toMatchObject({ type: 'error', code: 'bad-plan', problems: [{}, {}] });
  expect(await run('start', 'absent.json')).toMatchObject({
    code: 2,
    err: expect.stringContaining('there is no file "absent.json"') as string,
  });
  expect(await run('start', join(root, 'plans/test_simple.json'), '--root', 'absent')).toMatchObject({
    code: 2,
    err: expect.stringContaining('there is no such folder') as string,
  });
});

test('names and errors cannot act on the terminal', async () => {
  const { err } = await run('show', 'x\u001b[2J\u202e');
  expect(err).toContain('x^[[2J<U+202E>');
});

test('npm says where the person stood, and only npm is believed', () => {
  const own = packageRoot();
  expect(personsFolder({ INIT_CWD: '/there', npm_lifecycle_event: 'start-plan' }, own)).toBe('/there');
  expect(personsFolder({ INIT_CWD: '/there', npm_lifecycle_event: 'start-plan' }, '/elsewhere')).toBe(
    '/elsewhere',
  );
  expect(personsFolder({ INIT_CWD: '/there' }, own)).toBe(own);
  expect(programName({ npm_lifecycle_event: 'start-plan' })).toBe('npx planwright');
  expect(programName({})).toBe('planwright');
});

test('a pipe is no plan file, and nobody waits for it', async () => {
  execFileSync('mkfifo', [join(folder, 'pipe.json')]);
  expect(await run('validate', 'pipe.json')).toMatchObject({
    code: 2,
    err: expect.stringContaining('it is a pipe, not a file') as string,
  });
});

test.each([
  ['a file', '/etc/passwd'],
  ['below a file', '/etc/passwd/home'],
  ['where nothing can be made', '/proc/planwright'],
])('a state directory that is %s is named, with the way out', async (_, home) => {
  const { code, err } = await runIn(home, 'up');
  expect([code, err]).toEqual([2, expect.stringContaining(`The state directory "${home}" cannot be used`)]);
  expect(err).toContain('PLANWRIGHT_HOME=<folder>');
});

test('a state directory that is a file has no list of runs, not an empty one', async () => {
  const { code, err } = await runIn('/etc/passwd', 'list');
  expect([code, err]).toEqual([
    2,
    expect.stringContaining('The state directory "/etc/passwd" cannot be used'),
  ]);
});

test('a result that cannot be written is one line, not a crash', () => {
  const program = join(root, 'bin', 'planwright.mjs');
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [program, 'validate', 'plans/test_simple.json'], {
    cwd: root,
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(full);
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/^planwright: the result cannot be written: .*\n$/),
  ]);
});
