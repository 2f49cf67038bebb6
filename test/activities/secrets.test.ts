import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { failureIn, RUN, shell, workshop, type Workshop } from './steps.js';

const SECRET = 'correct horse battery staple';

let shop: Workshop;
beforeEach(
  async () =>
    void (shop = await workshop({
      env: { PATH: process.env['PATH'], PLANWRIGHT_SECRET_ENVIRONED: 'from-env' },
    })),
);
afterEach(() => shop.close());

/** Writes a file of secrets: the run's, or the worker's. */
function put(of: 'run' | 'worker', content: unknown, mode = 0o600): string {
  const folder = of === 'run' ? join(shop.home, 'runs', RUN) : shop.home;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'secrets.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(path, mode);
  return path;
}

const secret = (name: string, script: string, more = {}): Parameters<Workshop['run']>[0] => ({
  secrets: [name],
  work: shell(script, { env: { VALUE: `\${${name}}` } }),
  ...more,
});

describe('a secret reaches its step', () => {
  const CHECK = `test "$VALUE" = "${SECRET}"`;

  test("from the file of the run, which comes before the worker's", async () => {
    put('run', { TOKEN: SECRET });
    put('worker', { TOKEN: 'another' });
    expect((await shop.run(secret('TOKEN', CHECK))).kind).toBe('done');
  });

  test("from the worker's file", async () => {
    put('worker', { TOKEN: SECRET });
    expect((await shop.run(secret('TOKEN', CHECK))).kind).toBe('done');
  });

  test("from the worker's environment, where the step cannot see it otherwise", async () => {
    const told = await shop.run(
      secret('ENVIRONED', 'test "$VALUE" = from-env && ! env | grep -q PLANWRIGHT_SECRET'),
    );
    expect(told.kind).toBe('done');
  });
});

describe('a secret that cannot be had is a start that failed, and says how to give it', () => {
  const message = async (name: string): Promise<string> => {
    const failure = failureIn(await shop.run(secret(name, 'true')));
    if (failure.reason !== 'not-started') throw new Error(failure.reason);
    return failure.message;
  };

  test('unknown', async () => {
    expect(await message('TOKEN')).toBe(
      `secret "TOKEN" is not known on this worker; give it with the run (--var TOKEN=…), or put it into ` +
        `"${shop.home}/secrets.json" (mode 0600) or into PLANWRIGHT_SECRET_TOKEN of the worker's environment`,
    );
    expect(await message('__proto__')).toContain('is not known');
  });

  test('in a file that others can read', async () => {
    const path = put('worker', { TOKEN: SECRET }, 0o640);
    expect(await message('TOKEN')).toBe(
      `secrets in "${path}" can be read by others (mode 0640); chmod 600 it`,
    );
  });

  test('in a file that is no object, without a word of what is in it', async () => {
    const path = put('worker', `{"TOKEN": "${SECRET}"`);
    expect(await message('TOKEN')).toBe(`"${path}" is not a JSON object of names and values`);
    put('worker', [SECRET]);
    expect(await message('TOKEN')).toBe(`"${path}" is not a JSON object of names and values`);
  });

  test('not a text', async () => {
    put('worker', { TOKEN: 12345678 });
    expect(await message('TOKEN')).toBe('secret "TOKEN" is not a text in its file; put its value in quotes');
  });
});

test('a secret is nowhere in what a step leaves and tells', async () => {
  put('run', { TOKEN: SECRET });
  const script = `echo "$VALUE"; echo "err $VALUE" >&2; printf '{"a":"x %s y","%s":1}' "$VALUE" "$VALUE" > $PLANWRIGHT_OUTPUT`;
  const outputs = { a: { from: 'result', pointer: '/a' }, whole: { from: 'result', pointer: '' } } as const;
  const done = await shop.run(secret('TOKEN', script, { outputs }));
  expect(done).toMatchObject({
    kind: 'done',
    done: { outputs: { a: 'x *** y', whole: { a: 'x *** y', '***': 1 } } },
  });

  const failed = await shop.run(secret('TOKEN', `${script}; exit 1`, { step: 'fails' }));
  expect(failureIn(failed)).toMatchObject({ tail: 'err ***' });
  const bad = await shop.run(
    secret('TOKEN', 'printf "%s" "$VALUE" > $PLANWRIGHT_OUTPUT', { step: 'bad', outputs }),
  );
  expect(failureIn(bad)).toMatchObject({ reason: 'bad-output' });

  expect(JSON.stringify([done, failed, bad])).not.toContain(SECRET);
  const files = readdirSync(shop.home, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const holding = files.filter((file) => readFileSync(join(file.parentPath, file.name)).includes(SECRET));
  expect(files.length).toBeGreaterThan(6);
  expect(holding.map(({ name }) => name)).toEqual(['secrets.json']);
});
