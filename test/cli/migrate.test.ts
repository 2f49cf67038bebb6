import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { aWorld } from './a-world.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'planwright-migrate-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function migrate(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const world = aWorld({ env: { NO_COLOR: '1' }, cwd: folder });
  const code = await main(['migrate', ...argv], world);
  return { code, out: world.out.text(), err: world.err.text() };
}
const write = (name: string, document: object): string => {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  writeFileSync(join(folder, name), text);
  return text;
};
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const old = {
  ...{ plan_id: 'P', version: '1', globals: {}, variables: { X: { required: true } } },
  steps: [
    { id: 'a', name: 'a', command: 'x', args: ['${X}'] },
    { id: 'b', name: 'b', command: 'x', args: [], depends_on: 'a' },
  ],
};

test('it says what it would do, with places, and writes nothing unless told to', async () => {
  const before = write('old.json', old);
  for (const argv of [['old.json'], ['old.json', '--dry-run']]) {
    const { code, out, err } = await migrate(...argv);
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      '· old.json: plan, 2 changes',
      '    line 1  schema_version: says what the file is written for',
      '    line 24  steps[1].depends_on: "depends_on" is a list',
      '',
    ]);
    expect(err).toBe('planwright: nothing was written: --write writes it\n');
    expect(read('old.json')).toBe(before);
  }
});

test('with --write the file is replaced at once: its mode stays, and a link stays a link', async () => {
  write('real.json', old);
  chmodSync(join(folder, 'real.json'), 0o640);
  symlinkSync('real.json', join(folder, 'link.json'));
  expect(await migrate('link.json', '--write')).toMatchObject({
    code: 0,
    out: expect.stringContaining('✔ link.json: plan, 2 changes, written'),
  });
  expect(lstatSync(join(folder, 'link.json')).isSymbolicLink()).toBe(true);
  expect(statSync(join(folder, 'real.json')).mode & 0o777).toBe(0o640);
  expect(JSON.parse(read('real.json'))).toMatchObject({
    schema_version: 1,
    steps: [{}, { depends_on: ['a'] }],
  });
  expect(readdirSync(folder).sort()).toEqual(['link.json', 'real.json']);
  expect(await migrate('link.json', '--write')).toMatchObject({
    code: 0,
    out: '– link.json: is up to date\n',
    err: '',
  });
});

test('when one file cannot be migrated none is written, and each reason has its place', async () => {
  const before = write('old.json', old);
  write('new.json', { ...old, schema_version: 9 });
  write('wrong.json', { ...old, steps: [{ id: 'a', name: 'a', command: 'x', args: [], depends_on: 'zz' }] });
  const { code, out, err } = await migrate('old.json', 'new.json', 'wrong.json', 'none.json', '--write');
  expect(code).toBe(2);
  expect(err).toContain('new.json:27:21: error: ');
  expect(err).toContain('schema version 9; this Planwright reads up to 1');
  expect(err).toContain('wrong.json:16:');
  expect(err).toContain('step "a" depends on unknown step "zz"');
  expect(err).toContain('none.json: error: there is no file "none.json"');
  expect(err).toContain('nothing was written, because a file was refused');
  expect(out).toContain('✖ wrong.json: cannot be migrated');
  expect(read('old.json')).toBe(before);
});

test('--json has all of it for programs', async () => {
  write('old.json', old);
  const { code, out } = await migrate('old.json', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    ok: true,
    files: [
      {
        file: 'old.json',
        kind: 'plan',
        state: 'migrated',
        changes: [{ line: 1, where: 'schema_version' }, { line: 24 }],
      },
    ],
  });
  expect(await migrate('old.json', '--write', '--dry-run')).toMatchObject({ code: 2 });
});
