import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOOLS } from '../../../src/tools/safe-merge/tools.js';
import { clonesIn, sandbox, type Clones } from '../git/support/sandbox.js';
import { expectHealthy } from '../git/support/snapshot.js';
import { drive, safeMergePlan } from './support/driver.js';
import { buildProgram, tool, type Program } from './support/program.js';

const box = sandbox();
const NAMES = Object.keys(TOOLS);

function parted(): Clones {
  const made = clonesIn(box.folder());
  made.theirs.commit('theirs', { 't.txt': 't\n' });
  made.theirs.git('push', '--quiet');
  made.mine.commit('mine', { 'm.txt': 'm\n' });
  return made;
}

/** For before and after a run, not in the plan. */
const BESIDE = ['report', 'forget', 'rollback'];
/** What every run goes through. */
const STEPS = NAMES.filter((name) => name !== 'conflict_settle' && !BESIDE.includes(name));

test('the plan calls the tools by the ids of its steps, in their order', () => {
  const steps = safeMergePlan().steps.filter((step) => step.uses !== 'approval');
  const inPlan = NAMES.filter((name) => !BESIDE.includes(name));
  expect(steps.map((step) => step.id)).toEqual(inPlan);
  expect(steps.map((step) => [step.command, step.args[0]])).toEqual(
    inPlan.map((name) => ['planwright-merge', name]),
  );
});

describe('as programs', () => {
  let program: Program;
  beforeAll(async () => {
    program = await buildProgram();
  });
  afterAll(() => program.remove());

  test('the plan runs to its end', async () => {
    const { mine, remote } = parted();
    const outcome = await drive({ root: mine.path, run: program.run });
    expect(outcome.state, outcome.said).toBe('succeeded');
    expect(remote.git('rev-parse', 'main')).toBe(mine.git('rev-parse', 'main'));
    expect(mine.read('t.txt')).toBe('t\n');
    expectHealthy(mine.path);
  });

  test('a stop is an exit code and a text on stderr', async () => {
    const { mine } = parted();
    mine.write({ 'm.txt': 'changed\n' });
    const ran = await program.run('planwright-merge', ['env_scan'], mine.path, {});
    expect([ran.code, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toContain('dirty_working_tree');
  });

  test('certificates that are added are not read at each start, but handed on to what is started', async () => {
    const { mine } = parted();
    const seen = join(box.folder(), 'seen');
    // Node warns of a file that is not there, when it reads it.
    const env = {
      NODE_EXTRA_CA_CERTS: '/no/such.pem',
      SAFE_MERGE_GATE: `printenv NODE_EXTRA_CA_CERTS > ${seen}`,
    };
    for (const step of ['env_scan', 'git_fetch', 'git_merge', 'merge_gate']) {
      const ran = await program.run('planwright-merge', [step], mine.path, env);
      expect([ran.code, ran.stderr]).toEqual([0, '']);
    }
    expect(readFileSync(seen, 'utf8')).toBe('/no/such.pem\n');
  });

  test('before it is built it says so', async () => {
    const bare = join(box.folder(), 'bin/steps');
    mkdirSync(bare, { recursive: true });
    writeFileSync(join(bare, '../package.json'), '{"type":"module"}');
    cpSync(join(program.bin, 'package.json'), join(bare, 'package.json'));
    const file = join(bare, 'planwright-merge');
    writeFileSync(file, readFileSync(join(program.bin, 'planwright-merge')), { mode: 0o755 });
    const ran = await program.run(file, ['env_scan'], box.folder(), {});
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('npm run build')]);
  });
});

describe('by hand', () => {
  test('one after the other, without a plan', async () => {
    const { mine, remote } = parted();
    for (const name of STEPS) {
      const ran = await tool(mine.path, [name]);
      expect(ran.code, ran.stderr).toBe(0);
      expect(ran.stdout).toMatch(new RegExp(`^${name}: .+\n$`));
    }
    expect(remote.git('rev-parse', 'main')).toBe(mine.git('rev-parse', 'main'));
  });

  test('from any directory of the work tree, or by --root from anywhere', async () => {
    const { mine } = parted();
    expect((await tool(join(mine.path, 'src'), ['env_scan'])).code).toBe(0);
    expect((await tool(box.folder(), ['env_scan', '--root', mine.path])).code).toBe(0);
  });

  test('a step before its time names the one to run first', async () => {
    const { mine } = parted();
    const ran = await tool(mine.path, ['git_merge']);
    expect([ran.code, ran.stderr]).toEqual([
      2,
      expect.stringContaining('planwright-merge git_fetch --run by-hand_main'),
    ]);
  });

  test('runs of two branches do not mix', async () => {
    const { mine } = parted();
    mine.git('branch', 'dev');
    mine.git('push', '--quiet', 'origin', 'dev');
    for (const branch of ['main', 'dev']) {
      for (const step of ['env_scan', 'git_fetch'])
        expect((await tool(mine.path, [step, '--branch', branch])).code).toBe(0);
    }
    const fetched = mine.git('for-each-ref', '--format=%(refname)', 'refs/planwright/fetch');
    expect(fetched).toBe(
      'refs/planwright/fetch/by-hand_dev/target\nrefs/planwright/fetch/by-hand_main/target',
    );
  });

  test('a run keeps to the branch it began with, whatever is checked out later', async () => {
    const { mine, remote } = parted();
    const run = ['--run', 'r1'];
    await tool(mine.path, ['env_scan', ...run]);
    mine.git('switch', '--quiet', '--create', 'elsewhere');
    for (const name of STEPS.slice(1)) expect((await tool(mine.path, [name, ...run])).code).toBe(0);
    expect(remote.git('for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
    const ran = await tool(mine.path, ['git_fetch', ...run, '--branch', 'elsewhere']);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('other_target')]);
  });

  test('a run of the same name begun again forgets the earlier one', async () => {
    const { mine } = parted();
    for (const step of ['env_scan', 'git_fetch', 'file_classification', 'git_merge'])
      await tool(mine.path, [step]);
    mine.write({ 'm.txt': 'changed\n' });
    expect((await tool(mine.path, ['env_scan'])).code).toBe(1);
    expect((await tool(mine.path, ['guarded_push'])).code).toBe(1);
    expect(mine.git('for-each-ref', '--format=%(refname)', 'refs/planwright')).toBe(
      'refs/planwright/rollback/by-hand_main',
    );
  });
});

describe('reports', () => {
  test.each([...STEPS, 'report', 'forget'])(
    '%s writes one that says what it is, of what, and when',
    async (name) => {
      const { mine } = parted();
      for (const step of STEPS.slice(0, STEPS.indexOf(name))) await tool(mine.path, [step]);
      const file = join(box.folder(), 'deep/report.json');
      const before = Date.now();
      const ran = await tool(mine.path, [name, '--output', file, '--json']);
      expect(ran.code, ran.stderr).toBe(0);
      const report = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
      expect(JSON.parse(ran.stdout)).toEqual(report);
      expect(report).toMatchObject({
        tool: name,
        run: 'by-hand_main',
        branch: 'main',
        source: 'origin/main',
        reason_code: null,
      });
      expect(report['pattern_id']).toMatch(/^MERGE-/);
      expect(report['timestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(Date.parse(report['timestamp'] ?? '')).toBeGreaterThanOrEqual(before);
    },
  );

  test('are written when a gate says no, with the reason, the way out and an event', async () => {
    const { mine } = parted();
    mine.write({ 'm.txt': 'changed\n' });
    const output = join(box.folder(), 'result.json');
    const ran = await tool(mine.path, ['env_scan', '--run', 'r1', '--json'], { PLANWRIGHT_OUTPUT: output });
    expect(JSON.parse(ran.stdout)).toMatchObject({
      pattern_id: 'MERGE-001-ENV-SCAN',
      status: 'abort',
      reason_code: 'env_scan_failed',
      cause: 'dirty_working_tree',
      hint: expect.stringContaining('git stash') as string,
      abort_reasons: ['dirty_working_tree'],
      checks: { working_tree_clean: false, no_merge_in_progress: true },
    });
    expect(JSON.parse(mine.read('.git/planwright/safe_merge/r1/env_scan.json'))).toEqual(
      JSON.parse(ran.stdout),
    );
    expect(JSON.parse(readFileSync(output, 'utf8'))).toMatchObject({
      run: 'r1',
      reason_code: 'env_scan_failed',
    });
    const [event] = mine.read('.git/planwright/safe_merge/merge_events.jsonl').trim().split('\n');
    expect(JSON.parse(event ?? '')).toMatchObject({
      run: 'r1',
      phase_id: 0,
      status: 'failed',
      reason_code: 'env_scan_failed',
      details: { causes: ['dirty_working_tree'] },
    });
  });

  test('name everything that is wrong at once', async () => {
    const { mine } = parted();
    mine.write({ 'm.txt': 'changed\n', '.git/refs/heads/main.lock': '' });
    mine.git('remote', 'remove', 'origin');
    const ran = await tool(mine.path, ['env_scan', '--json']);
    expect((JSON.parse(ran.stdout) as { abort_reasons: string[] }).abort_reasons.sort()).toEqual([
      'dirty_working_tree',
      'lock_file_present',
      'remote_missing',
    ]);
  });

  test('that cannot be written are said, and do not change the outcome', async () => {
    const { mine } = parted();
    const ran = await tool(mine.path, ['env_scan', '--output', join(mine.path, 'm.txt/report.json')]);
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining('could not be written')]);
  });

  test('count ahead and behind against what was last fetched', async () => {
    const { mine } = parted();
    mine.git('fetch', '--quiet');
    mine.commit('more', { 'more.txt': 'm\n' });
    const ran = await tool(mine.path, ['env_scan', '--json']);
    expect(JSON.parse(ran.stdout)).toMatchObject({ divergence: { ahead: 2, behind: 1, diverged: true } });
  });
});

describe('wrong use', () => {
  test.each([
    [['nothing']],
    [['env_scan', '--nonsense']],
    [['env_scan', 'extra']],
    [['env_scan', '--branch']],
    [[]],
  ])('%j is exit code 2 and says what there is', async (args) => {
    const ran = await tool(box.folder(), args);
    expect(ran.code).toBe(2);
    expect(ran.stderr).not.toBe('');
  });

  test('a slip of the pen is corrected', async () => {
    expect((await tool(box.folder(), ['env_scann'])).stderr).toContain('Did you mean env_scan?');
  });

  test.each(NAMES)('%s --help explains itself outside a repository', async (name) => {
    const ran = await tool(box.folder(), [name, '--help']);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain(`Usage: planwright-merge ${name}`);
    expect(ran.stdout).toMatch(/Exit codes?:|exit code 0/);
    expect(ran.stdout).toContain('Example:');
  });

  test.each(NAMES)('%s outside a repository says so', async (name) => {
    const folder = box.folder();
    const ran = await tool(folder, [name, ...(name === 'rollback' ? ['r1'] : [])]);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('not_a_repository')]);
    expect(existsSync(join(folder, '.git'))).toBe(false);
  });
});

test('without git it says what to install', async () => {
  const { mine } = parted();
  const path = process.env['PATH'];
  process.env['PATH'] = box.folder();
  try {
    const ran = await tool(mine.path, ['env_scan']);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('git_missing')]);
  } finally {
    process.env['PATH'] = path;
  }
});

test('a repository of a format that git does not know', async () => {
  const { mine } = parted();
  mine.git('config', 'core.repositoryFormatVersion', '1');
  mine.git('config', 'extensions.unheardOf', 'true');
  const ran = await tool(mine.path, ['env_scan']);
  expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('unknown repository extension')]);
});
