/**
 * Tools that say they are done: nobody is believed.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WorkstreamEnded } from '../../../src/activities/workstream/api.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { restorePatch } from '../../../src/tools/git/restore-patch.js';
import type { StepId } from '../../../src/plan/plan.js';
import { sandbox } from '../../tools/git/support/sandbox.js';
import { expectHealthy, snapshot } from '../../tools/git/support/snapshot.js';
import { contentOf } from '../../tools/git/support/work.js';
import { sleepers, uniqueSleep, until } from '../../support/processes.js';
import { openHall, type Hall } from './attempts.js';

sandbox();
let hall: Hall;
beforeEach(async () => void (hall = await openHall()));
afterEach(() => hall.close());

const refusals = ({ trouble }: WorkstreamEnded): string[] =>
  trouble?.reason === 'refused-patch'
    ? trouble.refusals.map((one) => `${one.reason} ${'path' in one ? one.path : ''}`)
    : [];
const differences = ({ trouble }: WorkstreamEnded): string[] =>
  trouble?.reason === 'shared-state-changed' ? trouble.differences.map(({ text }) => text) : [];

/** The patch of a quarantined attempt, brought back. */
async function kept(ended: WorkstreamEnded): Promise<Record<string, string>> {
  expect(ended).toMatchObject({ outcome: 'quarantined', ledger: { state: 'quarantined' } });
  const back = join(hall.folder, 'back');
  await restorePatch(await openRepository(hall.repo.path), ended.patch!.id, back);
  return contentOf(back);
}

describe('done, it says, and', () => {
  test('has changed nothing', async () => {
    const ended = await hall.run('echo "All tests pass, feature complete."', {
      tool: { takesErrors: false },
      work: { acceptanceTests: ['test -f src/feature.py'] },
    });
    expect(ended).toMatchObject({
      outcome: 'failed',
      trouble: { reason: 'empty-patch' },
      patch: { commit: null },
    });
    expect(ended.text).toMatch(
      /^the tool said it was done and changed nothing, and these fail: test -f src\/feature.py/,
    );
  });

  test('has deleted the tests', async () => {
    const ended = await hall.run('rm tests/test_app.py; echo 1 > src/n', {
      work: { filesScope: ['src/', 'tests/'] },
    });
    expect(refusals(ended)).toEqual(['test-deleted tests/test_app.py']);
    expect((await kept(ended))['src/n']).toBe('1\n');
  });

  test('has written outside its scope', async () => {
    const ended = await hall.run('echo x > README.md; echo x > other.txt; echo 1 > src/n');
    expect(refusals(ended)).toEqual(['out-of-scope README.md', 'out-of-scope other.txt']);
    await kept(ended);
  });

  test('has moved a file out of its scope', async () => {
    expect(refusals(await hall.run('git mv src/util.py util.py'))).toEqual(['out-of-scope util.py']);
  });

  test('has changed what git does', async () => {
    const ended = await hall.run(
      'echo "* -text" > src/.gitattributes; printf "[submodule]\\n" > .gitmodules',
    );
    expect(refusals(ended)).toEqual([
      'out-of-scope .gitmodules',
      'git-configuration .gitmodules',
      'git-configuration src/.gitattributes',
    ]);
  });

  test('has made links that lead out', async () => {
    const ended = await hall.run(
      'ln -s /etc/passwd src/p; ln -s ../.git/config src/g; ln -s util.py src/fine',
    );
    expect(refusals(ended)).toEqual(['symlink-escapes src/g', 'symlink-escapes src/p']);
  });
});

describe('done, it says, and has changed', () => {
  /** What the tool does with $repo and $wt, and what is said of it. */
  const cases: Record<string, [string, (string | RegExp)[]]> = {
    "the person's files": [
      'echo evil >> $repo/src/app.py',
      [/the person's file .*\/repo\/src\/app.py was written/],
    ],
    "the person's files, through a link in its work tree": [
      'ln -s $repo/src src/out; echo evil > src/out/new.py; rm src/out',
      [/repo\/src\/new.py was written/],
    ],
    'a hook in .git': [
      'mkdir -p $repo/.git/hooks; echo evil > $repo/.git/hooks/pre-commit',
      ['hook pre-commit was added'],
    ],
    'the configuration': ['git config core.hooksPath /tmp/evil', ['config core.hookspath was set']],
    'a branch, by a commit elsewhere': [
      'git checkout -q -b mine; git commit -q --allow-empty -m x',
      [/^branch refs\/heads\/mine was made/],
    ],
    'the branch that it should land on': [
      'git commit -q --allow-empty -m x; git update-ref refs/heads/main HEAD',
      [/^branch refs\/heads\/main moved from/],
    ],
    'the stash': ['echo x > src/app.py; git stash -q', [/^the stash refs\/stash was made/]],
    "the person's index": ['cd $repo; echo 1 > staged; env -u GIT_DIR git add staged', [/^the index of/]],
    'the configuration, by a file it includes': [
      'echo "[core] hooksPath = /tmp/evil" > ../evil; git config include.path ../evil',
      ['config include.path was set'],
    ],
    "the person's settings for all repositories": [
      'echo "[core] sshCommand = evil" >> $settings',
      [/^config of the person, .*gitconfig was (set|changed)$/],
    ],
    'where objects are looked for': [
      'echo /tmp/evil > $repo/.git/objects/info/alternates',
      ['.git/objects/info/alternates was added'],
    ],
    'a patch of another': [
      'git update-ref refs/planwright/patches/other/ws-x HEAD^{tree}',
      ['ref refs/planwright/patches/other/ws-x moved from BASE to TREE'],
    ],
    'the place of all patches of a run': [
      'git update-ref refs/planwright/evidence/in-the-way HEAD',
      [/^ref refs\/planwright\/evidence\/in-the-way was made/],
    ],
    'an object of git, which no hash shows': [
      'id=$(git rev-parse HEAD:src/util.py); file=$repo/.git/objects/$(echo $id | sed "s|^..|&/|"); chmod u+w $file;' +
        ' other=$(echo evil | git hash-object -w --stdin); cat $repo/.git/objects/$(echo $other | sed "s|^..|&/|") > $file',
      [/^the object \.git\/objects\/..\/\w+ is not what its name says$/],
    ],
    "the person's index, by deleting it": [
      'rm $repo/.git/index; echo 1 >> $repo/README.md',
      [/^the index of .*repo was deleted; it comes back with: git reset$/, /README.md was written$/],
    ],
    "the person's index, by emptying it": [
      'cd $repo; env -u GIT_DIR git read-tree --empty',
      [/^the index of .*repo was changed$/],
    ],
    "the person's index, so that git cannot read it": [
      'echo broken > $repo/.git/index',
      [/^the index of .*repo cannot be read by git any more; rm it, then: git reset$/],
    ],
    'HEAD of the person': ['git -C $repo symbolic-ref HEAD refs/heads/none', [/^HEAD of/]],
  };
  test.each(Object.entries(cases))('%s', async (_, [script, expected]) => {
    hall.repo.commit(
      'many',
      Object.fromEntries(Array.from({ length: 30 }, (__, n) => [`many/${n}.txt`, 'x\n'])),
    );
    const before = hall.repo.git('rev-parse', 'main');
    hall.repo.git('update-ref', 'refs/planwright/patches/other/ws-x', before);
    const [base, tree] = [before, hall.repo.git('rev-parse', `${hall.base}^{tree}`)].map((id) =>
      id.slice(0, 12),
    );
    const ended = await hall.run(
      `echo 1 > src/n; repo=${hall.repo.path}; settings=${process.env['GIT_CONFIG_GLOBAL']}; (${script}); echo done`,
    );
    const texts = differences(ended);
    for (const text of expected)
      expect(texts).toContainEqual(
        typeof text === 'string'
          ? text.replace('BASE', base!).replace('TREE', tree!)
          : expect.stringMatching(text),
      );
    expect(ended.ledger!.quarantine!.reason).toMatch(/^outside its work tree, while it worked/);
    expect(texts.length).toBeLessThanOrEqual(3); // what it is, and not each file that it concerns
    rmSync(join(hall.repo.path, '.git/index'), { force: true }); // it may be none
    await kept(ended);
    hall.repo.tryGit('update-ref', 'refs/heads/main', before);
    writeFileSync(process.env['GIT_CONFIG_GLOBAL']!, '');
  });

  test('the configuration, so that no git works any more: its work tree stays until somebody has mended it', async () => {
    const config = join(hall.repo.path, '.git/config');
    const was = readFileSync(config);
    const ended = await hall.run(`echo 1 > src/n; echo "[broken" > ${config}`);
    expect(differences(ended)).toEqual(['.git/config cannot be read by git any more']);
    const kept = /^work tree (.*) is kept/.exec(ended.notes[0]!)![1]!;
    expect(readFileSync(join(kept, 'src/n'), 'utf8')).toBe('1\n');
    writeFileSync(config, was);
    const next = await hall.run('echo 2 > src/n', { attempt: 2 });
    expect([next.outcome, next.lost.map(({ paths }) => paths)]).toEqual(['patched', [['src/n']]]);
  });

  test('its own ties to the repository', async () => {
    const ended = await hall.run(`echo 1 > src/n; echo "gitdir: ${hall.repo.path}/.git" > .git`);
    expect(ended.trouble).toMatchObject({
      reason: 'worktree-replaced',
      detail: expect.stringContaining('leads elsewhere'),
    });
    expect((await kept(ended))['src/n']).toBe('1\n');
  });

  test("the whole work tree for a link to the person's", async () => {
    const { files } = snapshot(hall.repo.path);
    const ended = await hall.run(`wt=$PWD; cd /; mv $wt $wt-moved; ln -s ${hall.repo.path} $wt`);
    expect(ended).toMatchObject({ outcome: 'failed', trouble: { reason: 'worktree-replaced' }, patch: null });
    expect(snapshot(hall.repo.path).files).toEqual(files);
    expectHealthy(hall.repo.path);
  });
});

test('nothing of it is run afterwards: no filter, hook or monitor that it configured', async () => {
  const proof = join(hall.folder, 'ran');
  const script = [
    `git config filter.evil.clean "touch ${proof}; cat"`,
    `git config core.fsmonitor "touch ${proof}; false"`,
    'echo "* filter=evil" > src/.gitattributes; echo 1 > src/n',
  ].join('; ');
  await hall.run(script);
  expect(existsSync(proof)).toBe(false);
});

test('nothing is run that it put into the git directory that is ours alone', async () => {
  const proof = join(hall.folder, 'ran');
  const script = [
    'own=../.own/$(basename "$PWD")/git; test -d $own',
    `printf '[filter "evil"]\\n clean = "touch ${proof}; cat"\\n' >> $own/config`,
    'echo "* filter=evil" > $own/info/attributes; echo "*" > $own/info/exclude; echo 1 > src/n',
  ].join('; ');
  const ended = await hall.run(script);
  expect([ended.outcome, ended.patch?.paths, existsSync(proof)]).toEqual(['patched', ['src/n'], false]);
});

test('a link in the place of a folder of its scope is refused, and what it leads to stays out', async () => {
  const outside = mkdtempSync(join(hall.folder, 'outside-'));
  writeFileSync(join(outside, 'app.py'), 'precious\n');
  const ended = await hall.run(`rm -r src; ln -s ${outside} src; echo 1 > src/n; true`);
  expect(refusals(ended)).toContain('symlink-escapes src');
  expect(ended.patch!.paths).not.toContain('src/n');
  const next = await hall.run('echo 1 > src/n', { attempt: 2 });
  expect([next.outcome, next.patch!.paths]).toEqual(['patched', ['src/n']]);
  expect(readFileSync(join(outside, 'app.py'), 'utf8')).toBe('precious\n');
});

test("a second name of a person's file, written to, is a change of that file", async () => {
  const ended = await hall.run(`ln ${hall.repo.path}/src/util.py src/again.py; echo evil >> src/again.py`);
  expect(differences(ended)).toEqual([expect.stringMatching(/repo\/src\/util.py was (written|changed)$/)]);
});

test('one that collects garbage, at once and all of it, loses nothing of what was captured', async () => {
  const first = await hall.run('echo 1 > src/n; echo x > x.log');
  const ended = await hall.run(
    'echo 2 > src/n; git reflog expire --all --expire=now; git gc -q --prune=now',
    {
      attempt: 2,
    },
  );
  expect(['patched', 'quarantined']).toContain(ended.outcome);
  for (const { patch } of [first, ended]) {
    const back = mkdtempSync(join(hall.folder, 'back-'));
    await restorePatch(await openRepository(hall.repo.path), patch!.id, back);
    expect(contentOf(back)['src/n']).toBe(patch === first.patch ? '1\n' : '2\n');
  }
  expectHealthy(hall.repo.path);
});

test('a process that stays behind is dead before anything is captured', async () => {
  const seconds = uniqueSleep();
  const script = `(setsid sh -c "sleep ${seconds}; echo late >> src/n" >/dev/null 2>&1 &) ; echo 1 > src/n`;
  const ended = await hall.run(script);
  expect([ended.outcome, sleepers(seconds)]).toEqual(['patched', []]);
});

test('two at work at the same time are both named, as nobody can tell them apart', async () => {
  const other = hall.start(
    `touch ${hall.folder}/b; while [ ! -e ${hall.folder}/go ]; do sleep 0.02; done; echo 1 > src/b`,
    { step: 'ws-b' as StepId },
  );
  await until('the other works', () => existsSync(join(hall.folder, 'b')));
  const ended = await hall.run(`echo 1 > src/a; git branch evil; touch ${hall.folder}/go`);
  expect(ended.trouble).toMatchObject({ reason: 'shared-state-changed', together: ['ws-b'] });
  expect((await other.told).trouble).toMatchObject({ reason: 'shared-state-changed', together: ['ws-a'] });
});

test('in a clone the same is no harm', async () => {
  const before = snapshot(hall.repo.path);
  const script =
    'git config core.hooksPath /tmp/evil; git checkout -q -b mine; echo 1 > src/n; git add .; git commit -q -m x; git stash list';
  const ended = await hall.run(script, { isolation: 'clone' });
  expect([ended.outcome, ended.patch?.paths]).toEqual(['patched', ['src/n']]);
  expect(snapshot(hall.repo.path)).toEqual(before);
  expect(readFileSync(ended.patch!.file!, 'utf8')).toContain('+1');
});
