import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from '../../src/os/lock.mjs';
import { root } from '../checkout.js';

/** Takes the lock, says so, and keeps it until its stdin ends. */
const HOLDER = `
  import { withLock } from ${JSON.stringify(join(root, 'src/os/lock.mjs'))};
  await withLock(process.argv[1], 'test', async () => {
    console.log('held');
    for await (const _ of process.stdin);
  });
  console.log('released');
`;

let folder: string;
let path: string;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planwright-lock-'));
  path = join(folder, 'lock');
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

interface Holder {
  readonly process: ChildProcess;
  readonly says: () => Promise<string>;
  readonly letGo: () => void;
}

function holder(): Holder {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const says = async (): Promise<string> => {
    const { value } = (await lines.next()) as { value?: string };
    return value ?? 'nothing';
  };
  return { process: child, says, letGo: () => child.stdin.end() };
}

test('what two do under one lock, they do one after the other', async () => {
  const order: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    order.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`${name} ends`);
  };
  await Promise.all([withLock(path, 'a', work('a')), withLock(path, 'b', work('b'))]);
  expect(order).toHaveLength(4);
  expect(order[1]).toBe(order[0]?.replace('begins', 'ends'));
  expect(order[3]).toBe(order[2]?.replace('begins', 'ends'));
});

test('a process waits until another one lets go', async () => {
  const first = holder();
  expect(await first.says()).toBe('held');
  let mine = false;
  const waiting = withLock(path, 'second', () => (mine = true));
  const second = holder();
  expect(mine).toBe(false);
  first.letGo();
  expect(await first.says()).toBe('released');
  await waiting;
  expect(mine).toBe(true);
  expect(await second.says()).toBe('held');
});

test('a killed holder blocks nobody', async () => {
  const first = holder();
  expect(await first.says()).toBe('held');
  first.process.kill('SIGKILL');
  await once(first.process, 'exit');
  expect(await withLock(path, 'after it', () => 'done')).toBe('done');
});

test('what a killed holder had started keeps the lock until it ends, when the lock was shared with it', async () => {
  const helper = spawn('sleep', ['600']);
  children.push(helper);
  const sharing = `
    import { withLock } from ${JSON.stringify(join(root, 'src/os/lock.mjs'))};
    await withLock(process.argv[1], 'test', async (share) => {
      share(Number(process.argv[2]));
      console.log('held');
      for await (const _ of process.stdin);
    });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', sharing, path, String(helper.pid)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  let mine = false;
  let next: Promise<unknown> = Promise.resolve();
  await new Promise<void>((resolve) => {
    next = withLock(path, 'next', () => (mine = true), { onWait: () => resolve() }).then(() => resolve());
  });
  expect(mine).toBe(false); // after a second
  helper.kill('SIGKILL');
  await next;
  expect(mine).toBe(true);
});

test('of many who find a dead holder, one at a time has the lock', async () => {
  const dead = holder();
  expect(await dead.says()).toBe('held');
  dead.process.kill('SIGKILL');
  await once(dead.process, 'exit');
  let inside = 0;
  let most = 0;
  const count = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 30 }, () => withLock(path, 'rush', count)));
  expect(most).toBe(1);
});

test('an error lets go, and comes through', async () => {
  await expect(withLock(path, 'fails', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withLock(path, 'next', () => 'done')).toBe('done');
});

test('a holder killed before it could write its name blocks nobody for long', async () => {
  writeFileSync(`${path}.7`, '');
  expect(await withLock(path, 'next', () => 'done')).toBe('done');
});

test('with many processes, some of them killed while they hold it, never two have the lock', async () => {
  // Inside, each puts its number into a file of its own making; one that finds the file of a living process says so.
  const flag = join(folder, 'inside');
  const rival = `
    import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
    import { withLock } from ${JSON.stringify(join(root, 'src/os/lock.mjs'))};
    import { identityOf } from ${JSON.stringify(join(root, 'src/os/process-identity.mjs'))};
    const [path, flag] = process.argv.slice(1);
    for (let n = 0; n < 40; n++) {
      await withLock(path, 'stress', async () => {
        if (existsSync(flag) && identityOf(Number(readFileSync(flag, 'utf8'))) !== null) console.log('two inside');
        writeFileSync(flag, String(process.pid));
        console.log('inside');
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
        rmSync(flag);
      });
    }
  `;
  const rivals = Array.from({ length: 5 }, (_, index) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', rival, path, flag], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (index < 2 && lines.length === 15) child.kill('SIGKILL'); // while it is inside
    });
    return once(child, 'close').then(() => lines);
  });
  const said = await Promise.all(rivals);
  expect(said.flat()).not.toContain('two inside');
  expect(said.slice(2).map((lines) => lines.length)).toEqual([40, 40, 40]);
});

test('only the newest file stays, however often the lock is taken', async () => {
  for (let n = 0; n < 5; n++) await withLock(path, 'again', () => {});
  expect(readdirSync(folder)).toEqual(['lock.5']);
  expect(existsSync(`${path}.5`)).toBe(true);
});

test('who waits for long is told who holds the lock', async () => {
  const first = holder();
  expect(await first.says()).toBe('held');
  const told = new Promise<string>((resolve) => {
    void withLock(path, 'second', () => {}, {
      onWait: ({ purpose, process: { pid } }) => resolve(`${purpose} ${pid}`),
    });
  });
  expect(await told).toBe(`test ${first.process.pid}`);
  first.letGo();
});
