/**
 * Who knows the older system finds the way: by what they type, and by docs/migrating.md.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.js';
import { main } from '../../src/cli/main.js';
import { mergeTools, newNameOf, newNames } from '../../src/cli/old-names.js';
import { TOOLS } from '../../src/tools/safe-merge/tools.js';
import { read } from '../checkout.js';
import { aWorld } from './a-world.js';

const page = read('docs/migrating.md');
const hasCommand = (name: string): boolean => commands.some((one) => one.name === name);

/** Says whether `planwright <words> --help` is help of a command of that name. */
async function exists(words: readonly string[]): Promise<boolean> {
  const world = aWorld();
  const code = await main([...words, '--help'], world);
  return code === 0 && world.out.text().startsWith(`Usage: planwright ${words.join(' ')}`);
}

const GROUPS = ['workstream', 'patch', 'worktree', 'lease', 'job', 'breaker'];
/** `workstream run` of "workstream run --config x"; commands of groups have two words. */
const commandIn = (text: string): string[] => {
  const [first = '', second = ''] = text.split(/\s+/);
  const isPair = GROUPS.includes(first) || (first === 'worker' && /^[a-z]+$/.test(second));
  return isPair && second !== '' ? [first, second] : [first];
};

const named = [
  ...new Set([...page.matchAll(/`planwright ([a-z][^`]*)`/g)].map(([, text]) => commandIn(text!).join(' '))),
];

// Jobs are a group of their own, with a page of tests of their own.
test.each(named.filter((name) => !name.startsWith('job') || hasCommand('job')))(
  'the page names "%s", and there is such a command',
  async (name) => {
    expect(await exists(name.split(' '))).toBe(true);
  },
);

test.each(newNames.filter((name) => !name.startsWith('job') || hasCommand('job')))(
  'an old name leads to "%s", and there is such a command',
  async (name) => {
    expect(await exists(commandIn(name))).toBe(true);
  },
);

describe('an old name', () => {
  const SCRIPTS = [
    ...[
      'run_workstream',
      'execute_next_workstreams',
      'track_workstream_status',
      'sync_workstreams_to_github',
    ],
    ...[
      'spec_to_workstream',
      'validate_workstreams',
      'uet_init_db',
      'uet_spawn_workers',
      'run_uet_workstreams',
    ],
    ...['simple_workstream_executor', 'uet_execute_workstreams', 'multi_agent_workstream_coordinator'],
    ...['uet_workstream_loader', 'run-job', 'start-workers', 'core.engine', 'core.engine.orchestrator'],
  ];

  test.each(SCRIPTS)('"%s" is answered with the new one, and is on the page', async (script) => {
    const world = aWorld();
    expect(await main([script, '--dry-run'], world)).toBe(2);
    expect(world.err.text()).toContain(`did you mean "${newNameOf(script)!}"?`);
    expect(page).toContain(script);
  });

  // By hand, of jobs, of work trees and patches, and the tools of the safe merge: the rows of the page that name no script.
  test.each([
    ...['complete-task', 'fail-task', 'reset-task', 'unblock-task', 'fail-workstream', 'validate-workstream'],
    ...['rollback-patch', 'reset-circuit-breaker', 'analyse-quarantine', 'list-stuck', 'merge-worktree'],
    ...['submit', 'stats', 'submit_job_dict', 'QueueManager', 'convert_workstreams_to_jobs', 'apply_patches'],
    ...[
      'scripts/merge_env_scan.ps1',
      'sync_log_summary.py',
      'nested_repo_detector',
      'nested_repo_normalizer',
    ],
    ...['merge_file_classifier', 'merge_timestamp_resolver', 'ai_conflict_resolver', 'multi_clone_guard'],
    ...[
      'safe_pull_and_push',
      'safe_merge_emit_event',
      'safe_merge_auto',
      'safe_merge_orchestrator',
      'monitor',
    ],
    ...['create_step_attempt', 'complete_run', 'execute_plan'],
  ])('"%s" is answered with the new one', async (script) => {
    const world = aWorld();
    expect(await main([script, '--branch', 'main'], world)).toBe(2);
    expect(world.err.text()).toContain(`did you mean "${newNameOf(script)!}"?`);
  });

  test('of one word says as much as one of two', async () => {
    const world = aWorld();
    expect(await main(['uet_spawn_workers'], world)).toBe(2);
    expect(world.err.text()).toContain('did you mean "up"?');
    expect(world.err.text()).toContain('planwright up --help');
    expect(world.err.text()).toContain('docs/migrating.md');
  });

  test('of a tool of the safe merge leads to one that is there', () => {
    expect(mergeTools.filter((tool) => !Object.hasOwn(TOOLS, tool))).toEqual([]);
  });

  test.each([
    [['status', '--job-id', 'a'], 'job status'],
    [['status', 'last'], 'show'],
    [['run', '--job-file', 'a.json'], 'job run'],
  ])('%j is of jobs where its flags say so', async (words, now) => {
    const world = aWorld();
    expect(await main(words, world)).toBe(2);
    expect(world.err.text()).toContain(`did you mean "${now}"?`);
  });

  test('is known in every spelling in which it was called', () => {
    for (const form of [
      'scripts/run_workstream.py',
      'RunWorkstream',
      'run-workstream',
      'scripts.run_workstream',
    ])
      expect(newNameOf(form)).toBe('workstream run');
    // The workers of jobs are those of a queue, not the processes that run plans.
    for (const form of ['start-workers', 'start_workers']) expect(newNameOf(form)).toBe('job workers');
    expect(newNameOf('__proto__')).toBeNull();
    expect(newNameOf('nothing_of_the_kind')).toBeNull();
  });
});

test.each([
  [['workstream', 'run', '--resume', 'ws-one'], 'planwright retry <run>'],
  [['workstream', 'run', '--parallel'], 'without --ws-id'],
  [['workstream', 'run', '--plan', 'plan.json'], 'planwright start <file>'],
  [['workstream', 'validate', '--run-id=r1'], 'ids of runs are made'],
  [['workstream', 'next', '--workstreams-dir', 'ws'], 'the folder is an argument'],
  [['start', 'plan.json', '--db', 'x.db'], 'PLANWRIGHT_HOME'],
])('an old flag is answered with what is done now: %j', async (words, instead) => {
  const world = aWorld();
  expect(await main([...words, '--json'], world)).toBe(2);
  expect(world.err.text()).toContain(instead);
  expect((JSON.parse(world.out.text()) as { remedies: string[] }).remedies[0]).toContain(instead);
});

test('every flag of the older commands is on the page', () => {
  const flags = [
    ...['--var', '--db', '--ws-id', '--dry-run', '--parallel', '--max-workers', '--run-id', '--plan'],
    ...['--workstreams-dir', '--resume', '--workstream', '--force', '--update', '--report', '--output'],
    ...['--branch', '--dir', '--only', '--no-commit', '--agents', '--job-file', '--job-id'],
  ];
  for (const flag of flags) expect(page).toMatch(new RegExp(`${flag}\\b`));
});

// The facts about the older system lie beside the real old files, where those are.
const reference = process.env['PLANWRIGHT_REFERENCE_DATA'];

describe.skipIf(reference === undefined)('every row of what is known of the older commands', () => {
  const facts = reference === undefined ? '' : readFileSync(join(reference, '..', 'commands.md'), 'utf8');
  /** Chapter 7 is what was announced and never was. */
  const sections = facts.split(/^## 7\./m)[0]!.split(/^### /m);
  const inTicks = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
  const rows = sections.flatMap((section) => {
    const heading = section.split('\n', 1)[0]!;
    const cells = section.split('\n').flatMap((line) => inTicks(/^\|([^|]*)\|/.exec(line)?.[1] ?? ''));
    return [...new Set([...inTicks(heading), ...cells])].map((name) => ({ heading, name }));
  });
  const FLAG = /^-[-\w]+/;

  test('is found: scripts, and flags of five of them', () => {
    expect(rows.length).toBeGreaterThan(30);
    expect(new Set(rows.filter(({ name }) => FLAG.test(name)).map(({ heading }) => heading)).size).toBe(6);
  });

  test.each(rows.filter(({ name }) => !FLAG.test(name)))('"$name" is on the page', ({ name }) => {
    expect(page).toContain(name);
  });

  test.each(rows.filter(({ name }) => FLAG.test(name)))(
    '"$name" of $heading is a flag of the new command, or the page says what stands for it',
    async ({ heading, name }) => {
      const [script] = inTicks(heading);
      const flag = FLAG.exec(name)![0];
      const row = page
        .split('\n')
        .find(
          (line) =>
            line.includes(flag) && (script === undefined || line.includes(script) || /^\| `--/.test(line)),
        );
      expect(row, `the page has no row with ${flag}`).toBeDefined();
      if (script === undefined || !row!.includes('| the same')) return;
      const world = aWorld();
      expect(await main([...commandIn(newNameOf(script)!), '--help'], world)).toBe(0);
      expect(world.out.text()).toMatch(new RegExp(`${flag}\\b`));
    },
  );

  test('each operation by hand, and each call of the library, is on the page', () => {
    const operations = /^## 5\.[^\n]*\n+([^.]*)\./m
      .exec(facts)![1]!
      .split(',')
      .map((text) =>
        text
          .replace(/\([^)]*\)|—.*/gs, '')
          .replace(/\s+/g, ' ')
          .trim(),
      );
    const calls = inTicks(sections.find((section) => section.startsWith('1.2'))!).filter((name) =>
      /^[a-z]+_[a-z_]+$/.test(name),
    );
    expect(operations.length).toBeGreaterThan(7);
    expect(calls.length).toBeGreaterThan(8);
    const words = page.toLowerCase();
    for (const name of [...operations, ...calls.filter((name) => !KEYS.includes(name))])
      expect(words).toContain(name.replace(/^list /, '').toLowerCase());
  });
  /** Of what calls return, not calls. */
  const KEYS = ['tool_id', 'exit_code', 'event_type'];
});
