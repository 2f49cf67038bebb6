import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bench, MODES, type Bench } from './commands.js';

const SECRET = 'correct horse battery staple';

describe.each(MODES)('a command with secrets in a %s', (_, open) => {
  let commands: Bench;
  beforeAll(async () => void (commands = bench(await open())));
  afterAll(() => commands.close());

  const env = { PATH: process.env['PATH'] ?? '', TOKEN: SECRET };
  const secrets = [SECRET];

  test('has them, and its logs do not', async () => {
    const { ending, out, err } = await commands.sh(
      'test ${#TOKEN} = 28 && echo "token: $TOKEN." && printf "%s" "$TOKEN" >&2',
      { env, secrets },
    );
    expect(ending).toEqual({ kind: 'exit', code: 0 });
    expect([out, err]).toEqual(['token: ***.\n', '***']);
  });

  test('is masked when it writes a value in two pieces', async () => {
    const { out } = await commands.sh(
      'printf "correct horse"; sleep 0.1; printf " battery staple\\n"; printf "correct horse, no battery\\n"',
      { env, secrets },
    );
    expect(out).toBe('***\ncorrect horse, no battery\n');
  });

  test('can open /dev/stderr, as one without', async () => {
    const { ending, err } = await commands.sh('echo "$TOKEN" > /dev/stderr', { env, secrets });
    expect({ ending, err }).toEqual({ ending: { kind: 'exit', code: 0 }, err: '***\n' });
  });

  test('passes other bytes unchanged, many of them', async () => {
    const { out } = await commands.sh('head -c 30000000 /dev/zero | tr "\\0" "\\377"; echo "$TOKEN"', {
      env,
      secrets,
    });
    expect(out.length).toBe(30_000_004);
    expect(out.slice(-4)).toBe('***\n');
    expect(/^ÿ+$/.test(out.slice(0, -4))).toBe(true);
  });

  test('leaves no pipe behind, also when it could not start', async () => {
    const { ending } = await commands.run({ command: commands.file('x', 'text', 0o755), env, secrets });
    expect(ending.kind).toBe('not-started');
    expect(readdirSync(commands.folder).filter((name) => name.endsWith('.pipe'))).toEqual([]);
  });

  test('ends when its log cannot be written', async () => {
    const stdout = join(commands.folder, 'full.log');
    symlinkSync('/dev/full', stdout);
    const tree = await commands.start({ command: 'yes', args: [SECRET], env, secrets, stdout });
    if (tree.kind !== 'started') throw new Error(tree.message);
    expect(await tree.ended).toEqual({ kind: 'signal', signal: 'SIGPIPE' });
  });
});
