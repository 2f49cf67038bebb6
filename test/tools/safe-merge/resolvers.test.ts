import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { clonesIn, sandbox, type Clones, type Files } from '../git/support/sandbox.js';
import { snapshot } from '../git/support/snapshot.js';
import { tool } from './support/program.js';

const box = sandbox();
afterEach(() => void vi.useRealTimers());

const BEFORE_RESOLVING = ['env_scan', 'file_classification', 'git_fetch', 'git_merge'];

/** Clones whose `main` parted as given; `theirs` is pushed, and committed after `mine`. */
function parted(base: Files, mine: Files, theirs: Files): Clones {
  const made = clonesIn(box.folder(), { 'keep.txt': 'k\n', ...base });
  made.mine.commit('mine', mine);
  made.theirs.commit('theirs', theirs);
  made.theirs.git('push', '--quiet');
  return made;
}

async function merged({ mine }: Clones): Promise<void> {
  for (const step of BEFORE_RESOLVING) {
    const ran = await tool(mine.path, [step]);
    if (step !== 'git_merge') expect(ran.code, ran.stderr).toBe(0);
  }
}

interface Resolution {
  readonly code: number;
  readonly stderr: string;
  readonly resolved: readonly {
    path: string;
    class: string;
    took: string;
    tie: boolean;
    ours_at: string;
    theirs_at: string;
  }[];
  readonly left: readonly { path: string; kind: string; class: string; why: string }[];
  readonly tree: string;
  readonly cause: string;
}

async function resolved({ mine }: Clones, ...args: string[]): Promise<Resolution> {
  const ran = await tool(mine.path, ['timestamp_resolver', '--json', ...args]);
  return { ...(JSON.parse(ran.stdout) as Resolution), code: ran.code, stderr: ran.stderr };
}

const finish = ({ mine }: Clones, ...args: string[]) => tool(mine.path, ['ai_conflict_resolver', ...args]);

describe('timestamp_resolver', () => {
  test('takes the side whose last commit to the path is newer, and says both times', async () => {
    const made = parted({ 'a.map': '0\n' }, { 'a.map': 'mine\n' }, { 'a.map': 'theirs\n' });
    await merged(made);
    const { code, resolved: done, tree } = await resolved(made);
    expect(code).toBe(0);
    expect(done).toMatchObject([{ path: 'a.map', class: 'generated', took: 'theirs', tie: false }]);
    expect(Date.parse(done[0]?.theirs_at ?? '')).toBeGreaterThan(Date.parse(done[0]?.ours_at ?? ''));
    expect(made.mine.git('cat-file', 'blob', `${tree}:a.map`)).toBe('theirs');
  });

  test('looks at commits of the path, not at the newest commit', async () => {
    const made = clonesIn(box.folder(), { 'a.map': '0\n' });
    made.mine.commit('older', { 'a.map': 'mine\n' });
    made.theirs.commit('newer', { 'a.map': 'theirs\n' });
    made.theirs.git('push', '--quiet');
    made.mine.commit('newest, of something else', { 'other.txt': 'o\n' });
    await merged(made);
    expect((await resolved(made)).resolved).toMatchObject([{ took: 'theirs' }]);
  });

  test('keeps our side when both are of the same second, and says so', async () => {
    const made = clonesIn(box.folder(), { 'a.map': '0\n' });
    made.mine.commit('mine', { 'a.map': 'mine\n' }, 1_710_000_000);
    made.theirs.commit('theirs', { 'a.map': 'theirs\n' }, 1_710_000_000);
    made.theirs.git('push', '--quiet');
    await merged(made);
    expect((await resolved(made)).resolved).toMatchObject([{ took: 'ours', tie: true }]);
  });

  test('never touches files of people, settings, or of no known class', async () => {
    const base = { 'a.txt': '0\n', 'package.json': '{}\n', strange: '0\n' };
    const made = parted(
      base,
      { 'a.txt': 'm\n', 'package.json': '{"m":1}\n', strange: 'm\n' },
      { 'a.txt': 't\n', 'package.json': '{"t":1}\n', strange: 't\n' },
    );
    await merged(made);
    const { code, resolved: done, left } = await resolved(made);
    expect([code, done]).toEqual([0, []]);
    expect(left.map(({ path, class: name }) => [path, name])).toEqual([
      ['a.txt', 'human_text'],
      ['package.json', 'config_sensitive'],
      ['strange', 'unknown'],
    ]);
  });

  test('classes of files the classification did not know of yet are found by the same rules', async () => {
    const made = parted({}, { 'new.map': 'm\n' }, { 'new.map': 't\n' });
    await merged(made);
    expect((await resolved(made)).resolved).toMatchObject([
      { path: 'new.map', class: 'generated', took: 'theirs' },
    ]);
  });

  test('the attributes and the policy of the target branch count', async () => {
    const base = {
      '.gitattributes': 'schema.txt linguist-generated\n',
      'config/merge_policy.yaml': 'file_classes:\n  binary: ["*.dat"]\n',
      'schema.txt': '0\n',
      'x.dat': '0\n',
    };
    const made = parted(
      base,
      { 'schema.txt': 'm\n', 'x.dat': 'm\n' },
      { 'schema.txt': 't\n', 'x.dat': 't\n' },
    );
    await merged(made);
    // schema.txt is below no directory "schema", and declared generated; x.dat is binary by the repository's policy
    expect((await resolved(made)).resolved.map(({ path, class: name }) => [path, name])).toEqual([
      ['schema.txt', 'generated'],
      ['x.dat', 'binary'],
    ]);
  });

  describe('a generated file that one side deleted', () => {
    const made = (): Clones => parted({ 'a.map': '0\n' }, { 'a.map': 'mine\n' }, { 'a.map': null });

    test('is left to a person', async () => {
      const clones = made();
      await merged(clones);
      expect((await resolved(clones)).left).toMatchObject([{ path: 'a.map', kind: 'modify/delete' }]);
    });

    test('goes with the newer side when last writer wins', async () => {
      const clones = made();
      await merged(clones);
      const { resolved: done, tree } = await resolved(clones, '--mode=lww_for_generated');
      expect(done).toMatchObject([{ path: 'a.map', took: 'theirs' }]);
      expect(clones.mine.git('ls-tree', '--name-only', tree)).toBe('keep.txt');
    });
  });

  test('off decides nothing', async () => {
    const made = parted({ 'a.map': '0\n' }, { 'a.map': 'm\n' }, { 'a.map': 't\n' });
    await merged(made);
    expect(await resolved(made, '--mode=off')).toMatchObject({
      resolved: [],
      left: [{ why: 'the mode is off' }],
    });
  });

  test('with no conflicts it has nothing to do', async () => {
    const made = parted({}, { 'm.txt': 'm\n' }, { 't.txt': 't\n' });
    await merged(made);
    expect((await resolved(made)).code).toBe(0);
  });

  test('a class that must not be decided by time is refused', async () => {
    const made = parted({ 'a.map': '0\n' }, { 'a.map': 'm\n' }, { 'a.map': 't\n' });
    await merged(made);
    expect(await resolved(made, '--classes=generated,human_text')).toMatchObject({
      code: 2,
      cause: 'forbidden_class',
    });
    expect(await resolved(made, '--classes=generated,nonsense')).toMatchObject({
      code: 2,
      cause: 'unknown_class',
    });
    expect(await resolved(made, '--classes=binary')).toMatchObject({ code: 0, resolved: [] });
  });

  test('without a classification, or with one of another commit, it stops', async () => {
    const made = parted({ 'a.map': '0\n' }, { 'a.map': 'm\n' }, { 'a.map': 't\n' });
    for (const step of ['env_scan', 'git_fetch', 'git_merge']) await tool(made.mine.path, [step]);
    expect(await resolved(made)).toMatchObject({ code: 2, cause: 'classification_missing' });
    await tool(made.mine.path, ['file_classification', `--output=${join(made.mine.path, '.git/old.json')}`]);
    made.mine.commit('one more', { 'm2.txt': 'm\n' });
    await tool(made.mine.path, ['git_merge']);
    expect(await resolved(made)).toMatchObject({ code: 2, cause: 'classification_stale' });
    expect(await resolved(made, '--input=.git/old.json')).toMatchObject({
      code: 2,
      cause: 'classification_stale',
    });
    expect(await resolved(made, '--input=none.json')).toMatchObject({
      code: 2,
      cause: 'classification_missing',
    });
  });

  test('without a merge it stops', async () => {
    const { mine } = clonesIn(box.folder());
    expect((await tool(mine.path, ['timestamp_resolver'])).code).toBe(1);
  });
});

describe('ai_conflict_resolver', () => {
  test('makes the merge commit when time has decided all', async () => {
    const made = parted({ 'a.map': '0\n' }, { 'a.map': 'm\n' }, { 'a.map': 't\n' });
    await merged(made);
    await resolved(made);
    expect((await finish(made)).code).toBe(0);
    const [commit = '', ...parents] = made.mine
      .git('log', '-1', '--format=%H %P', 'refs/planwright/merge/by-hand_main')
      .split(' ');
    expect(parents).toEqual([made.mine.git('rev-parse', 'main'), made.theirs.git('rev-parse', 'main')]);
    expect(made.mine.git('cat-file', 'blob', `${commit}:a.map`)).toBe('t');
    expect(made.mine.git('log', '-1', '--format=%B', commit)).toContain('Planwright-Run: by-hand_main');
  });

  test('run again an hour later, the steps make the very same commit', async () => {
    const made = parted({ 'a.map': '0\n' }, { 'a.map': 'm\n' }, { 'a.map': 't\n' });
    vi.useFakeTimers({ toFake: ['Date'] });
    const commits = new Set<string>();
    await merged(made);
    for (let round = 0; round < 2; round += 1) {
      vi.setSystemTime(Date.now() + round * 3600_000);
      await tool(made.mine.path, ['git_merge']);
      await resolved(made);
      await finish(made);
      commits.add(made.mine.git('rev-parse', 'refs/planwright/merge/by-hand_main'));
    }
    expect(commits.size).toBe(1);
  });

  test('names what is left, and leaves no merge behind that could be pushed', async () => {
    const made = parted(
      { 'a.txt': '0\n', 'b.txt': '0\n' },
      { 'a.txt': 'm\n', 'b.txt': null },
      { 'a.txt': 't\n', 'b.txt': 't\n' },
    );
    await merged(made);
    await resolved(made);
    const before = snapshot(made.mine.path);
    const ran = await finish(made, '--json');
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      reason_code: 'conflicts_unresolved',
      action: 'manual_review',
      total_conflicts: 2,
      conflict_files: [
        { path: 'a.txt', kind: 'content', class: 'human_text' },
        { path: 'b.txt', kind: 'modify/delete', class: 'human_text' },
      ],
    });
    expect(
      made.mine.tryGit('rev-parse', '--verify', '--quiet', 'refs/planwright/merge/by-hand_main').code,
    ).toBe(1);
    const push = await tool(made.mine.path, ['guarded_push']);
    expect([push.code, push.stderr]).toEqual([2, expect.stringContaining('conflicts_unresolved')]);
    expect(snapshot(made.mine.path)).toEqual(before);
  });

  test('more files than allowed are another exit code', async () => {
    const made = parted(
      { 'a.txt': '0\n', 'b.txt': '0\n' },
      { 'a.txt': 'm\n', 'b.txt': 'm\n' },
      { 'a.txt': 't\n', 'b.txt': 't\n' },
    );
    await merged(made);
    await resolved(made);
    expect((await finish(made, '--max-files=2')).code).toBe(1);
    expect((await finish(made, '--max-files=1')).code).toBe(2);
  });

  test('many files are named as far as a person reads; the report has all, and the way out comes last', async () => {
    const names = Array.from({ length: 25 }, (_, index) => `f${String(index).padStart(2, '0')}.txt`);
    const all = (text: string): Files => Object.fromEntries(names.map((name) => [name, text]));
    const made = parted(all('0\n'), all('m\n'), all('t\n'));
    await merged(made);
    await resolved(made);
    const { code, stderr, stdout } = await finish(made, '--json');
    expect(code).toBe(2);
    expect(stderr.match(/content conflict/g)).toHaveLength(20);
    expect(stderr).toContain('5 more are in the report');
    expect(stderr.trimEnd().split('\n').at(-1)).toContain('git switch main && git merge');
    expect((JSON.parse(stdout) as { conflict_files: unknown[] }).conflict_files).toHaveLength(25);
  });

  test('the way out it names works', async () => {
    const made = parted({ 'a.txt': '0\n' }, { 'a.txt': 'm\n' }, { 'a.txt': 't\n' });
    await merged(made);
    await resolved(made);
    const { stderr } = await finish(made);
    const [, target = '', commit = ''] = /git switch (\S+) && git merge ([0-9a-f]+)/.exec(stderr) ?? [];
    made.mine.git('switch', '--quiet', target);
    expect(made.mine.tryGit('merge', commit).code).toBe(1);
    made.mine.commit('resolved', { 'a.txt': 'both\n' });
    for (const step of [...BEFORE_RESOLVING, 'timestamp_resolver', 'ai_conflict_resolver', 'guarded_push']) {
      expect((await tool(made.mine.path, [step])).code, step).toBe(0);
    }
    expect(made.remote.git('rev-parse', 'main')).toBe(made.mine.git('rev-parse', 'main'));
    expect(made.remote.git('show', 'main:a.txt')).toBe('both');
  });
});
