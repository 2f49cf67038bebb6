import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leaseNameAt, withLeaseNames } from '../../src/client/lease-names.js';
import { planOf } from '../plan/builder.js';

let folder: string;
let root: string;
const git = (...args: string[]): void => void execFileSync('git', args, { cwd: root, stdio: 'ignore' });

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'planwright-names-')));
  root = join(folder, 'work');
  mkdirSync(root);
  git('init', '-b', 'topic');
  git('remote', 'add', 'origin', 'https://ann:secret@Example.org/team/app.git');
  git('remote', 'add', 'local', join(folder, 'work'));
  symlinkSync(root, join(folder, 'link'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['gpu', 'gpu'],
  ['repository:origin#main', 'repository:example.org/team/app#main'],
  ['repository:origin#refs/heads/main', 'repository:example.org/team/app#main'],
  ['repository:git@example.org:team/app.git#main', 'repository:example.org/team/app#main'],
  ['repository:origin#', 'repository:example.org/team/app#topic'],
  ['repository:origin#HEAD', 'repository:example.org/team/app#topic'],
])('%s is the lease %s', async (name, expected) => {
  expect(await leaseNameAt(name, root)).toBe(expected);
});

test('a repository of this machine is one, by whichever way one comes to it', async () => {
  const names = ['.', 'local', root, `file://${root}`, join(folder, 'link'), '../link/.git'];
  const leases = await Promise.all(names.map((name) => leaseNameAt(`repository:${name}#main`, root)));
  expect(new Set(leases)).toEqual(new Set([`repository:file:${root}#main`]));
});

test.each([
  ['repository:origin', 'has no branch'],
  ['repository:upstream#main', 'which is no remote of'],
])('%s is refused', async (name, words) => {
  await expect(leaseNameAt(name, root)).rejects.toThrow(words);
});

test('all names of a plan are understood, those of sub-plans too', async () => {
  const inner = { ...planOf({ deep: { exclusive: ['repository:origin#main'] } }), exclusive: ['x'] };
  const plan = {
    ...planOf({
      sub: { work: { kind: 'plan', path: 'inner.json', plan: inner } },
      other: { exclusive: ['y'] },
    }),
    exclusive: ['repository:origin#main', 'repository:git@example.org:team/app#main'],
  };
  const named = await withLeaseNames(plan, root);
  expect(named.exclusive).toEqual(['repository:example.org/team/app#main']);
  expect(named.steps[0]!.work).toMatchObject({
    plan: { exclusive: ['x'], steps: [{ exclusive: ['repository:example.org/team/app#main'] }] },
  });
  expect(named.steps[1]!.exclusive).toEqual(['y']);
});

test('a plan without such a name is left as it is', async () => {
  const plan = planOf({ a: { exclusive: ['x'] } });
  expect(await withLeaseNames(plan, '/nowhere')).toBe(plan);
});
