import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { secretsIn, stepEnvironment } from '../../src/activities/environment.js';
import type { CommandWork, StepId } from '../../src/plan/plan.js';

const environment = (
  worker: NodeJS.ProcessEnv,
  work: Partial<Pick<CommandWork, 'env' | 'envMode'>> = {},
  more: { bin?: string; secrets?: ReadonlyMap<string, string> } = {},
): Record<string, string> =>
  stepEnvironment({
    worker,
    bin: null,
    work: { env: {}, envMode: 'inherit', ...work },
    secrets: new Map(),
    runId: 'r-1',
    step: 's' as StepId,
    attempt: 2,
    output: '/out',
    ...more,
  });

const OURS = {
  PLANWRIGHT_RUN_ID: 'r-1',
  PLANWRIGHT_STEP_ID: 's',
  PLANWRIGHT_ATTEMPT: '2',
  PLANWRIGHT_OUTPUT: '/out',
};

test("the worker's own environment is passed on, then the plan's, then ours", () => {
  const worker = {
    PATH: '/bin',
    HOME: '/home/me',
    LANG: 'C',
    SSH_AUTH_SOCK: '/s',
    EMPTY: '',
    PLANWRIGHT_ATTEMPT: '9',
  };
  expect(environment(worker, { env: { LANG: 'de', NEW: 'x', PLANWRIGHT_RUN_ID: 'forged' } })).toEqual({
    ...worker,
    LANG: 'de',
    NEW: 'x',
    ...OURS,
  });
});

test("the engine's credentials stay with the worker", () => {
  const worker = {
    TEMPORAL_API_KEY: 'k',
    TEMPORAL_TLS_CLIENT_KEY_DATA: 'k',
    TEMPORAL_ADDRESS: 'a',
    PLANWRIGHT_SECRET_TOKEN: 't',
    PLANWRIGHT_MARK: 'm',
    PLANWRIGHT_HOME: '/state',
  };
  expect(environment(worker)).toEqual({ PLANWRIGHT_HOME: '/state', ...OURS });
});

test('what sends git elsewhere is left out: all that git itself calls local to a repository', () => {
  const local = execFileSync('git', ['rev-parse', '--local-env-vars'], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const more = [
    'GIT_NAMESPACE',
    'GIT_QUARANTINE_PATH',
    'GIT_CONFIG_KEY_0',
    'GIT_CONFIG_VALUE_0',
    'GIT_CONFIG_GLOBAL',
  ];
  expect(local.length).toBeGreaterThan(10);
  const kept = { GIT_SSH_COMMAND: 'ssh', GIT_AUTHOR_NAME: 'me' };
  const worker = { ...Object.fromEntries([...local, ...more].map((name) => [name, 'x'])), ...kept };
  expect(environment(worker)).toEqual({ ...kept, ...OURS });
});

test('what npm run adds is left out, also from the PATH', () => {
  const npm =
    '/x/node_modules/.bin:/node_modules/.bin:/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin';
  const worker = {
    npm_lifecycle_event: 'start-plan',
    npm_config_cache: '/c',
    npm_package_name: 'planwright',
    npm_node_execpath: '/usr/bin/node',
    NODE: '/usr/bin/node',
    INIT_CWD: '/x',
    NODE_OPTIONS: '--max-old-space-size=4096',
    PATH: `${npm}:/home/me/node_modules/.bin:/usr/bin`,
  };
  const expected = {
    NODE_OPTIONS: '--max-old-space-size=4096',
    PATH: '/home/me/node_modules/.bin:/usr/bin',
    ...OURS,
  };
  expect(environment(worker)).toEqual(expected);
  expect(environment({ PATH: '/x/node_modules/.bin:/usr/bin' })['PATH']).toBe(
    '/x/node_modules/.bin:/usr/bin',
  );
});

test("a clean environment is the PATH, the plan's and ours", () => {
  const worker = { PATH: '/usr/bin', HOME: '/home/me', LANG: 'C' };
  const work = { env: { A: '1' }, envMode: 'clean' } as const;
  expect(environment(worker, work)).toEqual({ PATH: '/usr/bin', A: '1', ...OURS });
  expect(environment({}, { envMode: 'clean' })).toEqual(OURS);
});

test('our own commands come first on the PATH, unless the plan sets it', () => {
  expect(environment({ PATH: '/usr/bin' }, {}, { bin: '/pw/bin' })['PATH']).toBe('/pw/bin:/usr/bin');
  expect(environment({ PATH: '/usr/bin' }, { env: { PATH: '/own' } }, { bin: '/pw/bin' })['PATH']).toBe(
    '/own',
  );
});

test("a value that is exactly a secret's name becomes the secret; others keep their text", () => {
  const env = { A: '${TOKEN}', B: 'x${TOKEN}', C: '${OTHER}', D: '$TOKEN' };
  expect(secretsIn(env, ['TOKEN', 'UNUSED'])).toEqual(['TOKEN']);
  const secrets = new Map([['TOKEN', 'value ${OTHER}']]);
  expect(environment({}, { env }, { secrets })).toEqual({ ...env, A: 'value ${OTHER}', ...OURS });
});

test("names like an object's own are names as any", () => {
  const env = JSON.parse('{"__proto__": "p", "constructor": "c"}') as Record<string, string>;
  const seen = environment({}, { env });
  expect(Object.entries(seen)).toEqual(
    expect.arrayContaining([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]),
  );
});
