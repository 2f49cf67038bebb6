import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WorkstreamEnded } from '../../../src/activities/workstream/api.js';
import { openRepository } from '../../../src/tools/git/repository.js';
import { restorePatch } from '../../../src/tools/git/restore-patch.js';
import { isMissing } from '../../../src/os/json-file.js';
import type { StepId } from '../../../src/plan/plan.js';
import { sandbox } from '../../tools/git/support/sandbox.js';
import { expectHealthy, snapshot } from '../../tools/git/support/snapshot.js';
import { contentOf } from '../../tools/git/support/work.js';
import { sleepers, uniqueSleep, until } from '../../support/processes.js';
import { openHall, RUN, type Hall } from './attempts.js';

sandbox();
let hall: Hall;
beforeEach(async () => void (hall = await openHall()));
afterEach(() => hall.close());

const reason = ({ outcome, trouble }: WorkstreamEnded) => [outcome, trouble?.reason ?? null];

/** Brings a patch back and returns the files. */
async function restored({ patch }: Pick<WorkstreamEnded, 'patch'>): Promise<Record<string, string>> {
  const back = join(hall.folder, `back-${Math.random()}`);
  await restorePatch(await openRepository(hall.repo.path), patch!.id, back);
  return contentOf(back);
}

const worktrees = (): string[] => {
  try {
    return readdirSync(join(hall.home, 'worktrees'))
      .filter((name) => !name.startsWith('.'))
      .flatMap((name) => readdirSync(join(hall.home, 'worktrees', name)))
      .filter((name) => !name.startsWith('.'));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
};

describe('an attempt', () => {
  test('comes to a patch, and leaves the repository as it was but for that', async () => {
    const before = snapshot(hall.repo.path);
    const ended = await hall.run(
      'echo "print(1)" > src/app.py; mkdir docs; cp "$PLANWRIGHT_PROMPT_FILE" docs/prompt.md; echo done',
    );
    expect(reason(ended)).toEqual(['patched', null]);
    expect(ended.patch).toMatchObject({
      files: 2,
      insertions: 2,
      deletions: 1,
      paths: ['docs/prompt.md', 'src/app.py'],
    });
    expect(ended.ledger).toMatchObject({
      state: 'validated',
      history: [{ to: 'created' }, { to: 'validated' }],
    });
    expect(ended.validation).toMatchObject({
      formatOk: true,
      scopeOk: true,
      constraintsOk: true,
      testsRan: false,
    });
    expect(ended.calls).toMatchObject([
      { meaning: 'worked', attempt: { number: 1, end: { kind: 'succeeded' } } },
    ]);
    expect(await restored(ended)).toMatchObject({ 'docs/prompt.md': 'Do it.', 'src/app.py': 'print(1)\n' });
    expect(worktrees()).toEqual([]);
    expect(snapshot(hall.repo.path)).toEqual(before);
    expectHealthy(hall.repo.path);
    expect(readFileSync(join(hall.home, 'runs', RUN, ended.calls[0]!.attempt.logs!.stdout), 'utf8')).toBe(
      'done\n',
    );
  });

  test('gives the prompt by standard input to a tool that wants it so', async () => {
    const ended = await hall.run('cat > src/prompt', { tool: { prompt: 'stdin' } });
    expect((await restored(ended))['src/prompt']).toBe('Do it.');
  });

  test('starts from the patches of its dependencies', async () => {
    const first = await hall.run('echo "x = 2" > src/util.py', { step: 'ws-dep' as StepId });
    const { id, commit } = first.patch!;
    const ended = await hall.run('cat src/util.py > src/seen', { startsWith: [{ id, commit: commit! }] });
    expect(await restored(ended)).toMatchObject({ 'src/seen': 'x = 2\n', 'src/util.py': 'x = 2\n' });
    expect(ended.patch!.paths).toEqual(['src/seen']);
  });

  test('whose dependencies do not go together says so', async () => {
    const patches = [];
    for (const n of [1, 2]) {
      const { patch } = await hall.run(`echo "x = ${n}${n}" > src/util.py`, {
        step: `ws-${n}` as StepId,
      });
      patches.push({ id: patch!.id, commit: patch!.commit!, workstream: `ws-${n}` });
    }
    const ended = await hall.run('true', { startsWith: patches });
    expect(ended.trouble).toMatchObject({
      ...{ reason: 'base-conflict', patch: 'ws-2', others: ['ws-1'] },
      conflict: { kind: 'content', files: ['src/util.py'] },
    });
    expect(ended.text).toBe(
      'it starts from the patches of ws-1 and ws-2, and they have conflicts in src/util.py (content); ' +
        'src/util.py: nothing is remembered of it, and there is no resolver. ' +
        'To go on, let ws-2 depend on ws-1, or name a resolver (landing.conflicts.resolver)',
    );
  });

  test('asked for again returns what it came to, and calls nobody', async () => {
    const script = `echo x >> ${hall.folder}/calls; echo new > src/new.py`;
    const first = await hall.run(script);
    expect(await hall.run(script)).toEqual(JSON.parse(JSON.stringify(first)));
    expect(readFileSync(join(hall.folder, 'calls'), 'utf8')).toBe('x\n');
  });

  test('of which only a look is wanted calls nobody', async () => {
    const ended = await hall.run(`touch ${hall.folder}/called`, {
      work: { dryRun: true, acceptanceTests: ['pytest -q'], notExecutable: ['It is nice.'] },
    });
    expect(reason(ended)).toEqual(['dry-run', null]);
    expect(ended.notes).toContainEqual(expect.stringMatching(/^call stand-in .*sh -ec/));
    expect(ended.notes).toContain('runtime checks: pytest -q');
    expect([existsSync(join(hall.folder, 'called')), worktrees()]).toEqual([false, []]);
  });

  test('gets no credentials but those it needs, and these are masked', async () => {
    hall.world.env['HOST_TOKEN'] = 'secret-1';
    const at = await openHall({ env: { ...hall.world.env, MY_API_KEY: 'secret-2', SSH_AUTH_SOCK: '/x' } });
    try {
      const ended = await at.run(
        'env | sort; git config --get-all credential.helper | wc -c; git push -q . HEAD:refs/heads/x || true; echo 1 > src/n',
        {
          tool: { needs: [['OTHER_KEY', 'MY_API_KEY']] },
          env: { COLOUR: 'blue', GIT_TERMINAL_PROMPT: '1' },
        },
      );
      const logs = ended.calls[0]!.attempt.logs!;
      const said = readFileSync(join(at.home, 'runs', RUN, logs.stdout), 'utf8');
      expect(said).not.toMatch(/secret-1|secret-2|SSH_AUTH_SOCK/);
      expect(said).toMatch(/^MY_API_KEY=\*+$/m);
      // Of the plan, but for what keeps a tool from publishing.
      expect(said).toMatch(/^COLOUR=blue$/m);
      expect(said).toMatch(/^GIT_TERMINAL_PROMPT=0$/m);
      const lacking = await at.run('true', { attempt: 2, tool: { needs: [['NOT_THERE']] } });
      expect(lacking.trouble).toMatchObject({
        reason: 'tool-not-configured',
        detail: expect.stringContaining('NOT_THERE'),
      });
    } finally {
      await at.close();
    }
  });
});

describe('checks', () => {
  test('that fail go back to the tool, with their errors, until they pass', async () => {
    const script =
      'if grep -q "want 2" "$PLANWRIGHT_PROMPT_FILE"; then echo 2 > src/n; else echo 1 > src/n; fi';
    const ended = await hall.run(script, {
      work: { acceptanceTests: ['grep -q 2 src/n || { echo want 2; exit 1; }'] },
    });
    expect(reason(ended)).toEqual(['patched', null]);
    expect(ended.calls).toHaveLength(2);
    expect(ended.checks.map(({ result }) => result)).toEqual(['failed', 'passed']);
    expect(ended.validation).toMatchObject({ testsRan: true, testsPassed: true });
    expect((await restored(ended))['src/n']).toBe('2\n');
  });

  test('that go on failing end it, and the patch is kept as evidence', async () => {
    const ended = await hall.run('date +%N > src/n', { work: { acceptanceTests: ['false'] } });
    expect(ended).toMatchObject({
      outcome: 'failed',
      trouble: { reason: 'checks-failed', gaveUp: { reason: 'attempts' } },
    });
    expect(ended.ledger).toMatchObject({ state: 'dropped' });
    expect(Object.keys(await restored(ended))).toContain('src/n');
  });

  test('do not get what they write into the patch', async () => {
    const checks = [
      {
        step: 'static' as const,
        name: 'lint',
        line: 'echo junk > src/junk; echo x >> src/app.py',
        timeoutSec: 60,
        blocking: true,
      },
    ];
    const ended = await hall.run('echo 1 > src/n', {
      checks,
      work: { acceptanceTests: ['test ! -e src/junk', 'git diff --quiet HEAD'] },
    });
    expect(reason(ended)).toEqual(['patched', null]);
    expect(ended.patch!.paths).toEqual(['src/n']);
    expect(ended.notes).toContainEqual('checks changed files, taken back: src/app.py, src/junk');
  });

  test('that cannot be run block as well; those that only warn do not', async () => {
    const check = { step: 'static' as const, name: 'lint', line: 'no-such-program', timeoutSec: 60 };
    const warned = await hall.run('echo 1 > src/n', { checks: [{ ...check, blocking: false }] });
    expect([warned.outcome, warned.checks[0]!.result]).toEqual(['patched', 'error']);
    const blocked = await hall.run('echo 1 > src/n', { attempt: 2, checks: [{ ...check, blocking: true }] });
    expect(reason(blocked)).toEqual(['failed', 'checks-failed']);
  });

  test('of nothing at all: no patch is no failure, unless a check says that something is missing', async () => {
    expect(reason(await hall.run('true'))).toEqual(['nothing', null]);
    const fine = await hall.run('true', { attempt: 2, work: { acceptanceTests: ['test -f README.md'] } });
    expect(reason(fine)).toEqual(['nothing', null]);
  });
});

describe('a budget', () => {
  const cost = 'Tokens: 4.2k sent, 1k received. Cost: $0.20 message, $0.20 session.';

  test('that a tool goes over while it works ends it: nothing of it is left, and what it wrote comes back', async () => {
    const seconds = uniqueSleep();
    const ended = await hall.run(`echo half > src/half; echo '${cost}'; echo '${cost}'; sleep ${seconds}`, {
      maxUsd: 0.3,
      tool: { cost: { kind: 'aider' } },
    });
    expect(ended.trouble).toEqual({ reason: 'over-budget', spentUsd: 0.4, maxUsd: 0.3 });
    expect([ended.outcome, ended.text]).toEqual([
      'failed',
      'its budget is used up: $0.40 are spent where $0.30 were left; what was written is kept',
    ]);
    expect(ended.calls).toMatchObject([{ meaning: 'worked', isOverBudget: true, cost: { usd: 0.4 } }]);
    expect(sleepers(seconds)).toEqual([]);
    expect((await restored(ended))['src/half']).toBe('half\n');
  });

  test('that is kept ends nothing; one that is used up when a call has ended begins no fix round', async () => {
    const kept = await hall.run(`echo 1 > src/n; echo '${cost}'`, {
      maxUsd: 0.3,
      tool: { cost: { kind: 'aider' } },
    });
    expect(reason(kept)).toEqual(['patched', null]);
    const told = { kind: 'json', usd: 'usd', tokensIn: 'in', tokensOut: 'out' } as const;
    const used = await hall.run(`echo 2 > src/n; echo '{"usd": 0.5}'`, {
      ...{ attempt: 2, maxUsd: 0.3, tool: { cost: told, takesErrors: true } },
      work: { acceptanceTests: ['false'] },
    });
    expect([reason(used), used.calls.length]).toEqual([['failed', 'over-budget'], 1]);
  });
});

describe('what a tool wrote comes back', () => {
  test('when it fails', async () => {
    const ended = await hall.run('echo half > src/half; echo log > x.log; exit 3');
    expect(ended).toMatchObject({
      outcome: 'failed',
      trouble: { reason: 'tool-failed', meaning: 'failed', detail: 'exit code 3' },
    });
    expect(ended.ledger!.state).toBe('dropped');
    expect(await restored(ended)).toMatchObject({ 'src/half': 'half\n', 'x.log': 'log\n' });
  });

  test('when it does not end in time', async () => {
    const seconds = uniqueSleep();
    const line = `sleep ${seconds}`;
    const ended = await hall.run(`echo half > src/half; setsid ${line} & ${line}`, {
      work: { toolTimeoutSec: 3 },
    });
    expect(ended.trouble).toMatchObject({ reason: 'tool-failed', detail: 'did not end within 3 s' });
    expect((await restored(ended))['src/half']).toBe('half\n');
    expect(sleepers(seconds)).toEqual([]);
  });

  test('when it is canceled', async () => {
    const seconds = uniqueSleep();
    const line = `sleep ${seconds}`;
    const { env, told } = hall.start(`echo half > src/half; ${line}`);
    const end = told.catch((error: unknown) => error);
    await until('the tool works', () => sleepers(seconds).length > 0);
    env.cancel('CANCELLED');
    const failure = (await end) as CancelledFailure;
    expect(failure).toBeInstanceOf(CancelledFailure);
    const ended = failure.details[0] as WorkstreamEnded;
    expect(ended.trouble).toEqual({ reason: 'canceled' });
    expect((await restored(ended))['src/half']).toBe('half\n');
    expect([sleepers(seconds), worktrees()]).toEqual([[], []]);
  });

  test('when its worker is lost: the next start keeps it, and begins anew', async () => {
    const seconds = uniqueSleep();
    const line = `sleep ${seconds}`;
    const first = hall.start(`echo half > src/half; ${line}`);
    const end = first.told.catch((error: unknown) => error);
    await until('the tool works', () => sleepers(seconds).length > 0);
    hall.ending.abort(); // the worker dies with its tools; its work tree is left
    expect(await end).toMatchObject({ type: 'WorkerStopping' });
    expect(worktrees()).toHaveLength(1);
    const next = await openHall({ home: hall.home });
    try {
      const ended = await next.run('ls src > src/seen', { root: hall.repo.path, base: hall.base });
      expect(reason(ended)).toEqual(['patched', null]);
      expect(ended.lost).toHaveLength(1);
      expect((await restored({ patch: ended.lost[0]! }))['src/half']).toBe('half\n');
      expect((await restored(ended))['src/seen']).toBe('app.py\nseen\nutil.py\n');
      expect(worktrees()).toEqual([]);
    } finally {
      await next.close();
    }
  });
});
