/**
 * `planwright-repo`, with a real git.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { docIdIn, withDocId } from '../../../src/tools/repo/doc-id.js';
import { main } from '../../../src/tools/repo/main.js';
import { newRepo, sandbox, type Repo } from '../git/support/sandbox.js';

const box = sandbox();

interface Answer {
  readonly code: number;
  readonly report: Record<string, unknown>;
  readonly said: string;
  readonly home: string;
}

async function run(repo: Repo, ...args: string[]): Promise<Answer> {
  const home = box.folder();
  const result = join(home, 'result.json');
  const said: string[] = [];
  const env = {
    ...process.env,
    PLANWRIGHT_HOME: home,
    PLANWRIGHT_OUTPUT: result,
    PLANWRIGHT_RUN_ID: 'r~s@1',
  };
  const code = await main(args, {
    cwd: repo.path,
    env,
    print: () => undefined,
    say: (text) => void said.push(text),
  });
  const report = existsSync(result) ? (JSON.parse(readFileSync(result, 'utf8')) as Answer['report']) : {};
  return { code, report, said: said.join('\n'), home };
}

describe('commit_gate', () => {
  const made = () => {
    const repo = newRepo(join(box.folder(), 'repo'));
    const one = repo.commit('one', { 'a.txt': 'bad\n' });
    repo.git('branch', 'stable');
    const two = repo.commit('two', { 'a.txt': 'good\n' });
    return { repo, one, two };
  };
  const gate = ['commit_gate', '--gate', 'grep -q good a.txt && test ! -e stray && touch litter'];

  test('tries exactly the tree of the commit, and leaves nothing behind', async () => {
    const { repo, one, two } = made();
    writeFileSync(join(repo.path, 'a.txt'), 'neither\n');
    writeFileSync(join(repo.path, 'stray'), '');
    const green = await run(repo, ...gate);
    expect(green).toMatchObject({ code: 0, report: { status: 'pass', commit: two, moved: null } });
    expect(green.report['tree']).toBe(repo.git('rev-parse', `${two}^{tree}`));
    expect(await run(repo, ...gate, '--commit', one)).toMatchObject({
      code: 1,
      report: { status: 'fail', commit: one },
    });
    expect(repo.git('worktree', 'list').split('\n')).toHaveLength(1);
    expect(readdirSync(repo.path).sort()).toEqual(['.git', 'a.txt', 'stray']);
    expect(repo.read('a.txt')).toBe('neither\n');
  });

  test('moves a branch when all gates are green, and only then', async () => {
    const { repo, one, two } = made();
    const second = ['--gate', 'false', '--gate', 'touch never'];
    const red = await run(repo, ...gate, ...second, '--move', 'stable');
    expect(red).toMatchObject({ code: 1, report: { moved: null } });
    expect(red.report['gates']).toHaveLength(2);
    expect(repo.git('rev-parse', 'stable')).toBe(one);
    expect(await run(repo, ...gate, '--move', 'stable')).toMatchObject({
      code: 0,
      report: { moved: { ref: 'refs/heads/stable', from: one, to: two } },
    });
    expect(repo.git('rev-parse', 'stable')).toBe(two);
    expect((await run(repo, ...gate, '--move', 'fresh')).report['moved']).toMatchObject({
      from: null,
      to: two,
    });
  });

  test('a branch that moved while the gates ran stays where it is', async () => {
    const { repo, one } = made();
    const other = repo.git('commit-tree', '-p', one, '-m', 'other', `${one}^{tree}`);
    const moves = `git -C '${repo.path}' update-ref refs/heads/stable ${other}`;
    const { code, said } = await run(repo, 'commit_gate', '--gate', moves, '--move', 'stable');
    expect([code, said]).toEqual([2, expect.stringContaining(`it moved meanwhile, to ${other}`)]);
    expect(repo.git('rev-parse', 'stable')).toBe(other);
  });

  test.each([
    [['--commit', 'nothing'], 'there is no commit "nothing"'],
    [['--commit', '--all'], 'there is no commit "--all"'],
    [['--move', 'main'], '"main" is checked out in'],
    [['--move', 'refs/tags/x'], 'only a branch is moved'],
    [['--move', 'a..b'], '"a..b" cannot be the name of a branch'],
    [['--commit', 'stable', '--move', 'ahead'], 'it would lose commits'],
    [['--max-seconds', '0'], '--max-seconds must be a whole number'],
  ])('%j is refused before anything is run', async (args, words) => {
    const { repo } = made();
    repo.git('branch', 'ahead', 'main');
    const { code, said, report } = await run(repo, 'commit_gate', '--gate', 'touch /nonexistent/x', ...args);
    expect([code, said, report]).toEqual([2, expect.stringContaining(words), {}]);
  });

  test('without a gate it says so', async () => {
    const { repo } = made();
    expect(await run(repo, 'commit_gate', '--gate', ' ')).toMatchObject({
      code: 2,
      said: expect.stringContaining('there is no gate to run'),
    });
  });
});

describe('doc_id', () => {
  const made = (): Repo => {
    const repo = newRepo(join(box.folder(), 'repo'));
    repo.commit('with ids', {
      'plan.json': '{\n  "doc_id": "DOC-PLAN-A-1",\n  "a": 1\n}\n',
      'guide.md': '<!-- DOC_ID: DOC-GUIDE-B-2 -->\n# Guide\n',
      'tool.py': '#!/usr/bin/env python\n# DOC_ID: DOC-TOOL-C-3\nprint(1)\n',
      'kept.md': '<!-- DOC_ID: DOC-KEPT-D-4 -->\n',
      'never.md': '# Never had one\n',
    });
    repo.commit('lost', {
      'plan.json': '{\n  "a": 1\n}\n',
      'guide.md': '# Guide, mended\n',
      'tool.py': '#!/usr/bin/env python\nprint(1)\n',
    });
    return repo;
  };

  test('finds what was lost in history, writes nothing unless told to, and then gives it back', async () => {
    const repo = made();
    const dry = await run(repo, 'doc_id');
    expect(dry).toMatchObject({
      code: 0,
      report: { checked: 5, without: 4, would_be_restored: 3, restored: 0 },
    });
    expect(repo.git('status', '--porcelain')).toBe('');
    expect(await run(repo, 'doc_id', '--write')).toMatchObject({
      code: 0,
      report: { restored: 3, would_be_restored: 0 },
    });
    expect(repo.read('plan.json')).toBe('{\n  "doc_id": "DOC-PLAN-A-1",\n  "a": 1\n}\n');
    expect(repo.read('guide.md')).toBe('<!-- DOC_ID: DOC-GUIDE-B-2 -->\n# Guide, mended\n');
    expect(repo.read('tool.py')).toBe('#!/usr/bin/env python\n# DOC_ID: DOC-TOOL-C-3\nprint(1)\n');
    expect(await run(repo, 'doc_id', '--write')).toMatchObject({ report: { restored: 0 } });
  });

  test('an index goes before history; an id that another file has is not given twice', async () => {
    const repo = made();
    writeFileSync(join(repo.path, 'index.json'), '{"guide.md": "DOC-NEW-9", "never.md": "DOC-KEPT-D-4"}');
    const { code, report } = await run(repo, 'doc_id', '--index', 'index.json', '--write');
    expect(code).toBe(1);
    expect(report).toMatchObject({ restored: 3, claimed_twice: 1 });
    expect(repo.read('guide.md')).toBe('<!-- DOC_ID: DOC-NEW-9 -->\n# Guide, mended\n');
    expect(repo.read('never.md')).toBe('# Never had one\n');
  });

  test('looks below a path alone', async () => {
    const repo = made();
    repo.commit('below', { 'sub/a.md': '<!-- DOC_ID: DOC-SUB-5 -->\n' });
    repo.commit('lost below', { 'sub/a.md': 'text\n' });
    expect((await run(repo, 'doc_id', '--under', 'sub')).report).toMatchObject({
      checked: 1,
      would_be_restored: 1,
    });
  });

  test.each([
    ['["a"]', 'must be an object of paths and ids'],
    ['{"a.md": "; rm -rf /"}', 'that of "a.md" is none'],
    ['{', 'cannot be read'],
  ])('the index %s is refused', async (text, words) => {
    const repo = made();
    writeFileSync(join(repo.path, 'index.json'), text);
    expect(await run(repo, 'doc_id', '--index', 'index.json')).toMatchObject({
      code: 2,
      said: expect.stringContaining(words),
    });
  });

  test.each([
    ['a.json', '{"doc_id": "DOC-A-1"}', 'DOC-A-1'],
    ['a.json', '/* DOC_ID: DOC-A-1 */\n{}', 'DOC-A-1'],
    ['a.yaml', 'doc_id: "DOC-A-1"\n', 'DOC-A-1'],
    ['a.md', 'the doc_id of a file is explained here\n', null],
    ['a.json', '{"doc_id": 5}', null],
    ['a.json', '{"b": {"doc_id": "DOC-A-1"}}', null],
  ])('in %s %j has the id %j', (path, text, id) => {
    expect(docIdIn(path, text)?.id ?? null).toBe(id);
  });

  test('a file that nobody knows how to write into is left alone', () => {
    expect(withDocId('a.bin', 'x', 'DOC-A-1', '')).toBeNull();
    expect(withDocId('a.json', '[1]', 'DOC-A-1', '')).toBeNull();
    expect(withDocId('a.json', 'no json', 'DOC-A-1', '')).toBeNull();
  });
});
