/**
 * The files of workstreams on a branch of a real remote, and issues on a server that speaks GitHub's API.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { aGitHub, type GitHub } from '../support/a-github.js';
import { aWorld } from './a-world.js';
import type { Answer } from './a-shop.js';

let folder: string;
let repository: string;
let remote: string;
let hub: GitHub;

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

function bundle(id: string, rest: object = {}): void {
  const all = {
    ...{ id, openspec_change: 'C-1', ccpm_issue: 'TBD', gate: 2, files_scope: [`${id}/`] },
    ...{ tasks: [`Do ${id}`], tool: 'aider', metadata: { doc_id: `DOC-${id}` }, ...rest },
  };
  writeFileSync(join(repository, 'workstreams', `${id}.json`), `${JSON.stringify(all, null, 2)}\n`);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'planwright-sync-'));
  repository = join(folder, 'repository');
  remote = join(folder, 'remote.git');
  mkdirSync(join(repository, 'workstreams'), { recursive: true });
  execFileSync('git', ['init', '-q', '--bare', '-b', 'main', remote]);
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'T');
  git('config', 'user.email', 't@example.org');
  git('remote', 'add', 'origin', remote);
  bundle('ws-a');
  bundle('ws-b');
  git('add', '-A');
  git('commit', '-qm', 'begin');
  git('push', '-q', 'origin', 'main');
  hub = await aGitHub();
});
afterEach(async () => {
  await hub.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

async function sync(...argv: string[]): Promise<Answer> {
  const world = aWorld({
    env: {
      ...{ PLANWRIGHT_HOME: join(folder, 'home'), NO_COLOR: '1', LANG: 'C.UTF-8', PATH: process.env['PATH'] },
      ...{ GITHUB_TOKEN: 'secret-token', GITHUB_API_URL: hub.url },
    },
    cwd: repository,
  });
  const code = await main(['workstream', 'sync', ...argv], world);
  return { code, out: world.out.text(), err: world.err.text() };
}

const BRANCH = ['--branch', 'feature/sync'];
const report = (): string => {
  const [name] = readdirSync(join(repository, 'reports')).sort().slice(-1);
  return readFileSync(join(repository, 'reports', name!), 'utf8');
};

describe('the branch', () => {
  test('gets one commit for each file that changed, and is pushed; nothing of the person is touched', async () => {
    bundle('ws-a', { gate: 3 });
    bundle('ws-new');
    writeFileSync(join(repository, 'staged.txt'), 'mine\n');
    git('add', 'staged.txt');
    const before = [git('status', '--porcelain'), git('rev-parse', 'HEAD'), git('symbolic-ref', 'HEAD')];
    const { code, out, err } = await sync(...BRANCH);
    expect(code, err).toBe(0);
    expect(out).toContain('2 commits on feature/sync, pushed');
    expect(out).toContain('ws-b: nothing to commit');
    expect(git('log', '--format=%s', 'main..feature/sync').split('\n')).toEqual([
      'sync: ws-new',
      'sync: ws-a',
    ]);
    expect(git('show', '--format=%b', '--name-only', 'feature/sync').split('\n').filter(Boolean)).toEqual([
      ...['Change: C-1', 'Document: DOC-ws-new', 'Tool: aider', 'Gate: 2', 'workstreams/ws-new.json'],
    ]);
    expect(git('ls-remote', 'origin', 'feature/sync')).toContain(git('rev-parse', 'feature/sync'));
    expect(git('rev-parse', '--abbrev-ref', 'feature/sync@{upstream}')).toBe('origin/feature/sync');
    rmSync(join(repository, 'reports'), { recursive: true });
    expect([git('status', '--porcelain'), git('rev-parse', 'HEAD'), git('symbolic-ref', 'HEAD')]).toEqual(
      before,
    );
  });

  test('is gone on with, and a second time there is nothing to commit', async () => {
    bundle('ws-new');
    expect((await sync(...BRANCH)).code).toBe(0);
    const tip = git('rev-parse', 'feature/sync');
    git('branch', '-D', 'feature/sync'); // only the remote has it now
    const again = await sync(...BRANCH);
    expect([again.code, again.err]).toEqual([0, '']);
    expect(again.out).toContain('0 commits');
    bundle('ws-new', { gate: 9 });
    expect((await sync(...BRANCH)).code).toBe(0);
    expect(git('rev-parse', 'feature/sync~1')).toBe(tip);
  });

  test('is not begun for a remote that was named and is not there, nor for issues of no repository', async () => {
    bundle('ws-new');
    const nowhere = await sync(...BRANCH, '--remote', 'nosuch');
    expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining('there is no remote "nosuch"')]);
    const slip = await sync(...BRANCH, '--issues', '--repo', 'a/b/c');
    expect([slip.code, slip.err]).toEqual([
      2,
      expect.stringContaining('"a/b/c" is no name of a repository: <owner>/<name>'),
    ]);
    expect(git('branch', '--list', 'feature/*')).toBe('');
    expect((await sync(...BRANCH, '--remote', 'nosuch', '--no-push')).code).toBe(0);
  });

  test('is never the default one, nor one that is checked out', async () => {
    const standard = await sync('--branch', 'main');
    expect([standard.code, standard.err]).toEqual([
      2,
      expect.stringContaining('"main" is the default branch'),
    ]);
    git('checkout', '-q', '-b', 'mine');
    const out = await sync('--branch', 'mine');
    expect([out.code, out.err]).toEqual([2, expect.stringContaining('is checked out in')]);
  });

  test('without a remote that answers is made here, and what is left is said', async () => {
    git('remote', 'set-url', 'origin', join(folder, 'gone.git'));
    bundle('ws-new');
    const { code, out } = await sync(...BRANCH);
    expect(code).toBe(1);
    expect(out).toContain('left to do: git push -u origin feature/sync');
    expect(git('log', '--format=%s', 'main..feature/sync')).toBe('sync: ws-new');
    expect(report()).toMatch(
      /\| errors_count \| 1 \|[\s\S]*## Left to do\n\n- git push -u origin feature\/sync/,
    );
    git('remote', 'set-url', 'origin', remote);
    expect(await sync(...BRANCH)).toMatchObject({ code: 0 }); // what is committed already is pushed
    expect(git('ls-remote', 'origin', 'feature/sync')).not.toBe('');
  });

  test('--dry-run says what would be committed, and leaves no branch and no report', async () => {
    bundle('ws-new');
    const { code, out } = await sync(...BRANCH, '--dry-run', '--issues', '--repo', 'acme/shop');
    expect(code).toBe(0);
    expect(out).toContain('ws-new: would commit');
    expect(out).toContain('would call POST /repos/acme/shop/issues  ws-new');
    expect(git('branch', '--list', 'feature/*')).toBe('');
    expect(hub.calls).toEqual([]);
    expect(readdirSync(repository)).not.toContain('reports');
  });

  test('a malformed file is told apart from errors, and stops no other', async () => {
    writeFileSync(join(repository, 'workstreams', 'ws-bad.json'), '{ "id": {3} }');
    bundle('ws-new');
    const answer = await sync(...BRANCH, '--json');
    expect(answer.code).toBe(0);
    expect(JSON.parse(answer.out)).toMatchObject({
      ...{ feature_branch: 'feature/sync', workstreams_processed: 3, commits_created: 1 },
      ...{ errors_count: 0, success_count: 3, malformed_count: 1, pushed: true },
    });
    expect(report()).toMatch(/## Malformed, left out\n\n- workstreams\/ws-bad\.json:1:10: /);
  });
});

describe('issues', () => {
  const ISSUES = [...BRANCH, '--issues', '--repo', 'acme/shop'];
  const numbers = (): unknown[] =>
    ['ws-a', 'ws-b'].map(
      (id) =>
        (
          JSON.parse(readFileSync(join(repository, 'workstreams', `${id}.json`), 'utf8')) as {
            ccpm_issue: unknown;
          }
        ).ccpm_issue,
    );

  test('are off unless asked for', async () => {
    await sync(...BRANCH);
    expect(hub.calls).toEqual([]);
    expect(await sync(...BRANCH, '--repo', 'acme/shop')).toMatchObject({ code: 2 });
  });

  test('are made once, with labels, and linked; doing it again changes nothing', async () => {
    expect(await sync(...ISSUES)).toMatchObject({ code: 0 });
    expect(hub.issues.map(({ title, labels }) => [title, labels])).toEqual([
      ['ws-a: Do ws-a', ['workstream', 'gate:2', 'tool:aider', 'status:not_started']],
      ['ws-b: Do ws-b', ['workstream', 'gate:2', 'tool:aider', 'status:not_started']],
    ]);
    expect(numbers()).toEqual([1, 2]);
    expect([...hub.tokens]).toEqual(['token secret-token']);
    expect(git('show', 'feature/sync:workstreams/ws-a.json')).toContain('"ccpm_issue": 1,');
    hub.calls.length = 0;
    const again = await sync(...ISSUES);
    expect(again.out).toContain('ws-a: nothing to commit, issue #1 unchanged');
    expect(hub.calls.filter((call) => !call.startsWith('GET'))).toEqual([]);
  });

  test('keep what people wrote: their words, their labels, their title', async () => {
    hub.issues.push({ number: 40, title: 'Shop is slow', body: 'It is.', labels: ['bug', 'tool:codex'] });
    bundle('ws-a', { ccpm_issue: 40 });
    expect(await sync(...ISSUES)).toMatchObject({ code: 0 });
    const [mine] = hub.issues;
    expect(mine).toMatchObject({
      title: 'Shop is slow',
      labels: ['bug', 'workstream', 'gate:2', 'tool:aider', 'status:not_started'],
    });
    expect(mine!.body).toMatch(/^It is\.\n\n<!-- planwright-workstream: ws-a -->/);
    mine!.body += '\n\nStill.';
    bundle('ws-a', { ccpm_issue: 40, tasks: ['Do it quickly'] });
    await sync(...ISSUES);
    expect(mine!.body).toMatch(/^It is\.[\s\S]*Do it quickly[\s\S]*Still\.$/);
    expect(mine!.body).not.toContain('Do ws-a');
  });

  test('that several workstreams name belong to none of them', async () => {
    hub.issues.push({ number: 7, title: 'Epic', body: 'All of it', labels: [] });
    bundle('ws-a', { ccpm_issue: 7 });
    bundle('ws-b', { ccpm_issue: '#7' });
    expect(await sync(...ISSUES)).toMatchObject({ code: 0 });
    expect(hub.issues.map(({ body }) => body.slice(0, 9))).toEqual(['All of it', '<!-- plan', '<!-- plan']);
    expect(numbers()).toEqual([8, 9]);
  });

  test('are not doubled when the answer to a call is lost, and limits are waited for', async () => {
    hub.fail('POST /repos/acme/shop/issues', 'done-but-cut');
    hub.fail('GET /repos/acme/shop/issues', { status: 503 });
    const spent = { 'retry-after': '0' };
    hub.fail('POST /repos/acme/shop/issues', { status: 429, headers: spent });
    hub.fail('POST /repos/acme/shop/issues', {
      ...{ status: 403, headers: spent, message: 'You have exceeded a secondary rate limit' },
    });
    expect(await sync(...ISSUES)).toMatchObject({ code: 0 });
    expect(hub.issues.map(({ title }) => title)).toEqual(['ws-a: Do ws-a', 'ws-b: Do ws-b']);
  });

  test('a call that fails for good is told, and the commits are made all the same', async () => {
    bundle('ws-new');
    hub.fail('POST /repos/acme/shop/issues', { status: 422, message: 'Validation Failed' });
    const { code, out } = await sync(...ISSUES);
    expect(code).toBe(1);
    expect(out).toMatch(/✖ ws-a: POST \/repos\/acme\/shop\/issues: 422 Validation Failed/);
    expect(hub.issues).toHaveLength(2);
    expect(git('log', '--format=%s', 'main..feature/sync')).toContain('sync: ws-new');
    hub.fail('GET /repos/acme/shop/issues', { status: 401, message: 'Bad credentials' });
    const denied = await sync(...ISSUES);
    expect([denied.code, denied.out]).toEqual([1, expect.stringContaining('401 Bad credentials')]);
    expect(denied.out + report()).not.toContain('secret-token');
  });

  test('a token goes to no plain address elsewhere', async () => {
    const { code, err } = await sync(...ISSUES, '--api-url', 'http://api.example.org');
    expect([code, err]).toEqual([2, expect.stringContaining('is no address that a token may be sent to')]);
  });
});
