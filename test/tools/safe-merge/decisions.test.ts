import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { sleepers, uniqueSleep, until } from '../../support/processes.js';
import { clonesIn, repoAt, sandbox, type Clones, type Files } from '../git/support/sandbox.js';
import { expectHealthy, snapshot } from '../git/support/snapshot.js';
import { tool } from './support/program.js';

const box = sandbox();
let home = '';
beforeEach(() => {
  home = box.folder();
  process.env['PLANWRIGHT_HOME'] = home;
});

/** Clones whose `main` parted as given, merged up to the conflicts. */
async function inConflict(base: Files, mine: Files, theirs: Files): Promise<Clones> {
  const made = clonesIn(box.folder(), { 'keep.txt': 'k\n', ...base });
  made.mine.commit('mine', mine);
  made.theirs.commit('theirs', theirs);
  made.theirs.git('push', '--quiet');
  await toResolver(made);
  return made;
}

async function toResolver({ mine }: Clones): Promise<void> {
  for (const step of ['env_scan', 'file_classification', 'git_fetch', 'git_merge', 'timestamp_resolver']) {
    const ran = await tool(mine.path, [step]);
    if (step !== 'git_merge') expect(ran.code, ran.stderr).toBe(0);
  }
}

interface Answer {
  readonly code: number;
  readonly stderr: string;
  readonly action: string;
  readonly result: string | null;
  readonly worktree?: string;
  readonly resolved: readonly { path: string; by: string; confidence: number | null }[];
  readonly conflict_files: readonly { path: string; why: string }[];
}

async function asked({ mine }: Clones, ...args: string[]): Promise<Answer> {
  const ran = await tool(mine.path, ['ai_conflict_resolver', '--json', ...args]);
  return { ...(JSON.parse(ran.stdout) as Answer), code: ran.code, stderr: ran.stderr };
}

/** A resolver of the tests: a program that is given the request and writes what the body says. */
function resolver(body: string): string {
  const file = join(box.folder(), 'resolver.mjs');
  writeFileSync(
    file,
    `import { readFileSync, writeFileSync } from 'node:fs';
    const request = JSON.parse(readFileSync(process.env.SAFE_MERGE_REQUEST, 'utf8'));
    const read = (name) => readFileSync(request[name], 'utf8');
    const answer = (text, confidence = 0.9) => {
      writeFileSync(request.text, text);
      writeFileSync(request.result, JSON.stringify({ text: request.text, confidence }));
    };
    ${body}`,
  );
  return JSON.stringify([process.execPath, file]);
}

const BOTH = resolver.bind(null, "answer(read('ours') + read('theirs'));");
const at = (made: Clones, answer: Answer, path: string): string =>
  made.mine.git('show', `${answer.result}:${path}`);

describe('a resolver', () => {
  test('gets the three versions of a file, and what it answers becomes the merge', async () => {
    const made = await inConflict({ 'a.txt': '0\n' }, { 'a.txt': 'm\n' }, { 'a.txt': 't\n' });
    const before = snapshot(made.mine.path);
    const answer = await asked(made, '--resolver', BOTH());
    expect(answer.stderr).toBe('');
    expect(answer).toMatchObject({
      code: 0,
      action: 'clean',
      resolved: [{ path: 'a.txt', by: 'resolver', confidence: 0.9 }],
    });
    expect(at(made, answer, 'a.txt')).toBe('m\nt');
    expect(made.mine.git('log', '-1', '--format=%P', answer.result ?? '').split(' ')).toHaveLength(2);
    expect(snapshot(made.mine.path)).toEqual(before);
    expect((await tool(made.mine.path, ['guarded_push'])).code).toBe(0);
    expect(made.remote.git('show', 'main:a.txt')).toBe('m\nt');
    expect(made.mine.read('a.txt')).toBe('m\nt\n');
  });

  test('may be a line for the shell, and is told what it is about', async () => {
    const made = await inConflict({ 'a b.txt': '0\n' }, { 'a b.txt': 'm\n' }, { 'a b.txt': 't\n' });
    const line =
      'cp "$SAFE_MERGE_REQUEST" merged && echo \'{"text": "merged", "confidence": 1}\' > result.json';
    const answer = await asked(made, '--resolver', line);
    expect(answer.code).toBe(0);
    expect(JSON.parse(at(made, answer, 'a b.txt'))).toMatchObject({
      format: 1,
      path: 'a b.txt',
      kind: 'content',
      class: 'human_text',
      branch: 'main',
      source: 'origin/main',
    });
  });

  test('may say that a file shall go, or stay', async () => {
    const made = await inConflict(
      { 'a.txt': '0\n', 'b.txt': '0\n' },
      { 'a.txt': 'm\n', 'b.txt': null },
      { 'a.txt': null, 'b.txt': 't\n' },
    );
    const body = `if (request.path === 'a.txt') writeFileSync(request.result, '{"delete": true, "confidence": 1}');
      else answer(read('theirs'));`;
    const answer = await asked(made, '--resolver', resolver(body));
    expect(answer.code).toBe(0);
    expect(made.mine.git('ls-tree', '--name-only', answer.result ?? '')).not.toContain('a.txt');
    expect(at(made, answer, 'b.txt')).toBe('t');
  });

  test.each([
    ['too little confidence', "answer('x\\n', 0.69)", 'sure of its answer to 0.69 only'],
    ['marks that are left', "answer(read('marked'))", 'marks of a conflict'],
    ['no confidence', "answer('x\\n', null)", '"confidence" is no number'],
    ['no answer', '', 'cannot be read'],
    ['an answer that is no object', "writeFileSync(request.result, 'null')", '"confidence" is no number'],
    ['a failure', "console.log('out of luck'); process.exit(3)", 'exit code 3: out of luck'],
    [
      'a file that is not there',
      'writeFileSync(request.result, \'{"text": "none", "confidence": 1}\')',
      'ENOENT',
    ],
  ])('with %s is not believed', async (_, body, why) => {
    const made = await inConflict({ 'a.txt': '0\n' }, { 'a.txt': 'm\n' }, { 'a.txt': 't\n' });
    const answer = await asked(made, '--resolver', resolver(body));
    expect(answer).toMatchObject({ code: 1, action: 'manual_review', result: null });
    expect(answer.conflict_files[0]?.why).toContain(why);
  });

  test('that takes too long is ended, with all that it started', async () => {
    const made = await inConflict({ 'a.txt': '0\n' }, { 'a.txt': 'm\n' }, { 'a.txt': 't\n' });
    const seconds = uniqueSleep();
    const begun = join(box.folder(), 'begun');
    const answer = await asked(
      made,
      '--max-seconds=3',
      '--resolver',
      `sleep ${seconds} & : > '${begun}'; wait`,
    );
    expect(answer.conflict_files[0]?.why).toContain('ended after 3 s');
    expect(existsSync(begun)).toBe(true);
    await until('what it started is dead', () => sleepers(seconds).length === 0);
  });

  test('that breaks a JSON or YAML file is refused; one that was broken before need not be mended', async () => {
    const names = ['a.json', 'b.yaml', 'c.json'];
    const all = (json: string, yaml: string, broken: string): Files => ({
      [names[0] ?? '']: json,
      [names[1] ?? '']: yaml,
      [names[2] ?? '']: broken,
    });
    const made = await inConflict(
      all('{"a":0}\n', 'a: 0\n', '{0\n'),
      all('{"a":1}\n', 'a: 1\n', '{1\n'),
      all('{"a":2}\n', 'a: 2\n', '{2\n'),
    );
    const answer = await asked(made, '--resolver', resolver("answer('{ a: [\\n')"));
    expect(answer.conflict_files).toMatchObject([
      { path: 'a.json', why: expect.stringContaining('cannot be read any more') as string },
      { path: 'b.yaml', why: expect.stringContaining('cannot be read any more') as string },
    ]);
    expect(answer.resolved).toMatchObject([{ path: 'c.json' }]);
  });

  test('must also please the check of the person', async () => {
    const made = await inConflict({ 'a.txt': '0\n' }, { 'a.txt': 'm\n' }, { 'a.txt': 't\n' });
    const no = await asked(made, '--resolver', BOTH(), '--check', 'grep -q nothing "$SAFE_MERGE_FILE"');
    expect(no.conflict_files[0]?.why).toContain('the check says no');
    const yes = await asked(
      made,
      '--resolver',
      BOTH(),
      '--check',
      'test "$SAFE_MERGE_PATH" = a.txt && grep -q t "$SAFE_MERGE_FILE"',
    );
    expect(yes.code).toBe(0);
  });

  test('is not asked about more files than it may be, nor about what is no text', async () => {
    const binary = (last: number): Buffer => Buffer.from([0, 1, 2, last]);
    const made = await inConflict(
      { 'a.txt': '0\n', 'b.dat': binary(0) },
      { 'a.txt': 'm\n', 'b.dat': binary(1) },
      { 'a.txt': 't\n', 'b.dat': binary(2) },
    );
    await tool(made.mine.path, ['timestamp_resolver', '--mode=off']);
    expect(await asked(made, '--max-files=1', '--resolver', BOTH())).toMatchObject({ code: 2, resolved: [] });
    const answer = await asked(made, '--resolver', BOTH());
    expect(answer).toMatchObject({
      code: 1,
      resolved: [{ path: 'a.txt' }],
      conflict_files: [{ path: 'b.dat' }],
    });
  });

  test('comes from the person, by option or environment, and never from a file of the repository', async () => {
    const made = await inConflict({ 'a.txt': '0\n' }, { 'a.txt': 'm\n' }, { 'a.txt': 't\n' });
    made.mine.git('config', 'safemerge.resolver', 'touch /tmp/never');
    expect(await asked(made)).toMatchObject({ code: 1 });
    process.env['SAFE_MERGE_RESOLVER'] = BOTH();
    expect(await asked(made)).toMatchObject({ code: 0 });
    delete process.env['SAFE_MERGE_RESOLVER'];
  });
});

describe('a decision', () => {
  const three: [Files, Files, Files] = [
    { 'a.txt': '0\n', 'gone.txt': '0\n', 'b.txt': '0\n' },
    { 'a.txt': 'm\n', 'gone.txt': null, 'b.txt': 'm\n' },
    { 'a.txt': 't\n', 'gone.txt': 't\n', 'b.txt': 't\n' },
  ];
  const settled = ({ mine }: Clones, decision: string) =>
    tool(mine.path, ['conflict_settle', '--json', `--decision=${decision}`]);

  test('is waited for: the step succeeds, and says how many files are left and where they lie', async () => {
    const made = await inConflict(...three);
    const before = snapshot(made.mine.path);
    const file = join(box.folder(), 'output.json');
    const ran = await tool(made.mine.path, ['ai_conflict_resolver', '--on-unresolved=pause'], {
      PLANWRIGHT_OUTPUT: file,
    });
    expect(ran.code, ran.stderr).toBe(0);
    const output = JSON.parse(readFileSync(file, 'utf8')) as {
      undecided: number;
      question: string;
      worktree: string;
    };
    expect(output.undecided).toBe(3);
    expect(output.question).toContain('gone.txt (modify/delete)');
    expect(output.question).toContain(output.worktree);
    const work = repoAt(output.worktree);
    expect(work.git('status', '--porcelain').split('\n')).toEqual(['UU a.txt', 'UU b.txt', 'DU gone.txt']);
    expect(work.read('a.txt')).toMatch(/<<<<<<< .*\nm\n=======\nt\n>>>>>>> /);
    const { git, ...rest } = snapshot(made.mine.path);
    const { git: gitBefore, ...restBefore } = before;
    expect(rest).toEqual(restBefore);
    const ours = (name: string): boolean => name.startsWith('worktrees/');
    expect(Object.entries(git).filter(([name]) => !ours(name))).toEqual(Object.entries(gitBefore));
  });

  test.each([
    ['ours', 'm', false],
    ['theirs', 't', true],
  ])('for %s takes that side of every file', async (decision, text, there) => {
    const made = await inConflict(...three);
    const { worktree = '' } = await asked(made, '--on-unresolved=pause');
    const ran = await settled(made, decision);
    expect(ran.code, ran.stderr).toBe(0);
    expect(existsSync(worktree)).toBe(false);
    expect((await tool(made.mine.path, ['guarded_push'])).code).toBe(0);
    expect([made.mine.read('a.txt'), made.mine.read('b.txt')]).toEqual([`${text}\n`, `${text}\n`]);
    expect(existsSync(join(made.mine.path, 'gone.txt'))).toBe(there);
    expect(made.mine.git('worktree', 'list').split('\n')).toHaveLength(1);
    expectHealthy(made.mine.path);
  });

  test('for what was resolved takes the files of the work tree, and teaches the next merge', async () => {
    const made = await inConflict(...three);
    const { worktree = '' } = await asked(made, '--on-unresolved=pause');
    const work = repoAt(worktree);
    const early = await settled(made, 'resolved');
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('"a.txt", "b.txt", "gone.txt"')]);
    work.write({ 'a.txt': 'm and t\n', 'b.txt': 'm and t\n', 'gone.txt': null, 'more.txt': 'more\n' });
    work.git('add', '--all');
    const ran = await settled(made, 'resolved');
    expect(ran.code, ran.stderr).toBe(0);
    expect((await tool(made.mine.path, ['guarded_push'])).code).toBe(0);
    expect([made.mine.read('a.txt'), made.mine.read('more.txt')]).toEqual(['m and t\n', 'more\n']);
    expect(existsSync(worktree)).toBe(false);
    // The same lines meet in another clone, with something else around them.
    const again = await inConflict(
      { 'x/z.txt': '1\n\n\n0\n\n\n2\n' },
      { 'x/z.txt': '1\n\n\nm\n\n\n2\n' },
      { 'x/z.txt': '1\n\n\nt\n\n\n2\n' },
    );
    expect((await asked(again)).code).toBe(1); // not the same lines as far as the file goes: merged around, in conflict
    const same = await inConflict({ 'q.txt': '0\n' }, { 'q.txt': 't\n' }, { 'q.txt': 'm\n' });
    const answer = await asked(same);
    expect(answer).toMatchObject({ code: 0, resolved: [{ path: 'q.txt', by: 'memory' }] });
    expect(at(same, answer, 'q.txt')).toBe('m and t');
  });

  test('to abort changes nothing and ends the run', async () => {
    const made = await inConflict(...three);
    const before = snapshot(made.mine.path);
    const { worktree = '' } = await asked(made, '--on-unresolved=pause');
    const ran = await settled(made, 'abort');
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('given_up')]);
    expect(existsSync(worktree)).toBe(false);
    expect(snapshot(made.mine.path)).toEqual(before);
    expect((await tool(made.mine.path, ['guarded_push'])).code).toBe(2);
  });

  test('what somebody began to resolve is kept when the answer is another one', async () => {
    const made = await inConflict(...three);
    const { worktree = '' } = await asked(made, '--on-unresolved=pause');
    repoAt(worktree).write({ 'a.txt': 'begun\n', 'note.txt': 'mine\n' });
    expect((await settled(made, 'ours')).stderr).toContain('refs/planwright/kept/by-hand_main');
    expect(existsSync(worktree)).toBe(false);
    expect(made.mine.git('show', 'refs/planwright/kept/by-hand_main:a.txt')).toBe('begun');
    expect(made.mine.git('show', 'refs/planwright/kept/by-hand_main:note.txt')).toBe('mine');
  });

  test('a rename on both sides goes whole to one of them', async () => {
    const made = await inConflict(
      { 'old.txt': 'a\nb\nc\nd\n' },
      { 'old.txt': null, 'mine.txt': 'a\nb\nc\nd\n' },
      { 'old.txt': null, 'theirs.txt': 'a\nb\nc\nd\n' },
    );
    expect((await asked(made, '--on-unresolved=pause')).action).toBe('undecided');
    expect((await settled(made, 'theirs')).code).toBe(0);
    expect((await tool(made.mine.path, ['guarded_push'])).code).toBe(0);
    expect(made.mine.git('ls-files')).toBe('keep.txt\ntheirs.txt');
  });

  test('two files of one name and content that only differ in mode: a side is taken, mode and all', async () => {
    const made = clonesIn(box.folder(), { 'keep.txt': 'k\n' });
    made.mine.write({ 'run.txt': 'same\n' });
    chmodSync(join(made.mine.path, 'run.txt'), 0o755);
    made.mine.commit('mine', {});
    made.theirs.commit('theirs', { 'run.txt': 'same\n' });
    made.theirs.git('push', '--quiet');
    await toResolver(made);
    const left = await asked(made, '--on-unresolved=pause', '--resolver', BOTH());
    expect(left).toMatchObject({ action: 'undecided', conflict_files: [{ path: 'run.txt' }] });
    expect((await settled(made, 'ours')).code).toBe(0);
    expect((await tool(made.mine.path, ['guarded_push'])).code).toBe(0);
    expect(made.remote.git('ls-tree', 'main', 'run.txt')).toMatch(/^100755 /);
  });

  test('a name that is a file here and a directory there has no side to take', async () => {
    const made = await inConflict({ 'x.txt': '0\n' }, { n: 'file\n' }, { 'n/in.txt': 'inside\n' });
    expect((await asked(made, '--on-unresolved=pause')).action).toBe('undecided');
    const ran = await settled(made, 'ours');
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('no_side_to_take')]);
  });

  test('with nothing to decide says so', async () => {
    const made = await inConflict({ 'a.map': '0\n' }, { 'a.map': 'm\n' }, { 'a.map': 't\n' });
    expect((await asked(made, '--on-unresolved=pause')).action).toBe('clean');
    expect((await settled(made, 'ours')).code).toBe(0);
    const other = await inConflict({ 'a.txt': '0\n' }, { 'a.txt': 'm\n' }, { 'a.txt': 't\n' });
    await asked(other);
    expect((await settled(other, 'ours')).code).toBe(2);
  });
});
