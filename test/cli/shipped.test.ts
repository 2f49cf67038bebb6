/**
 * The program as it is shipped: built, bundled, started by its own file.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../checkout.js';
import { openHome, type Home } from '../server/a-home.js';
import { jsonLines } from './a-shop.js';

let home: Home;
let close: () => Promise<void>;
const folder = mkdtempSync(join(tmpdir(), 'planwright-shipped-'));

beforeAll(async () => {
  ({ home, close } = await openHome());
});
afterAll(async () => {
  await close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

function planwright(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...home.env, ...env } };
    const child = execFile(
      process.execPath,
      [join(root, 'bin/planwright.mjs'), ...args],
      options,
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

test('it tells where a plan is not JSON, and where it is wrong', async () => {
  writeFileSync(join(folder, 'broken.json'), '{"plan_id": "x",\n "version": ,}');
  expect(await planwright(['validate', 'broken.json'])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^broken\.json:2:\d+: error: /) as string,
  });
  writeFileSync(
    join(folder, 'wrong.json'),
    '{"plan_id":"x","version":"1","globals":{},"steps":[{"id":"a","name":"a","command":"x","args":[],"depends_on":["b"]}]}',
  );
  expect(await planwright(['validate', 'wrong.json'])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^wrong\.json:1:\d+: error: .*"b"/) as string,
  });
  writeFileSync(join(folder, 'wrong.yaml'), 'plan_id: x\nversion: "1"\nglobals: {}\nsteps: []\n');
  expect(await planwright(['validate', 'wrong.yaml'])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^wrong\.yaml:4:\d+: error: /) as string,
  });
});

test('it runs a plan to its end, and says what is in force', async () => {
  const { code, out } = await planwright(['start', join(root, 'plans/test_simple.json'), '--json']);
  expect(code).toBe(0);
  expect(jsonLines(out).at(-1)).toMatchObject({ type: 'result', state: 'succeeded' });
  const doctor = await planwright(['doctor', '--json']);
  expect((JSON.parse(doctor.out) as { state: string }[]).filter(({ state }) => state === 'failure')).toEqual(
    [],
  );
});

test('it goes where the environment of Temporal points', async () => {
  const { code, err } = await planwright(['start', join(root, 'plans/test_simple.json')], {
    TEMPORAL_ADDRESS: '127.0.0.1:1',
  });
  expect([code, err]).toEqual([
    2,
    expect.stringContaining('the Temporal server at 127.0.0.1:1 (TEMPORAL_ADDRESS) cannot be reached'),
  ]);
});

test('the demonstration is run, by name, where a plan about a repository is started in this checkout', async () => {
  const inside = { INIT_CWD: root, npm_lifecycle_event: 'start-plan' };
  const started = await new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      ['bin/planwright.mjs', 'start', 'plans/safe_merge.json'],
      { cwd: root, env: { ...home.env, ...inside } },
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
  expect(started.err).toContain('running on a demonstration in ');
  expect([started.code, started.out]).toEqual([
    0,
    expect.stringContaining(
      'npm run start-plan -- plans/safe_merge.json --root <your repository> --var BRANCH=<branch>',
    ),
  ]);
});
