import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../../src/plan/load/diagnostics.js';
import { migrateText, type Migrated } from '../../../src/plan/load/migrate/migrate-text.js';
import { errorsOf, planWith, step } from './loading.js';

const lines = (...text: readonly string[]): string => `${text.join('\n')}\n`;
const problemsOf = ({ problems }: Migrated): string[] => problems.map(formatProblem);
const migrated = async (document: unknown, file = 'old.json'): Promise<Record<string, unknown>> => {
  const result = await migrateText(file, JSON.stringify(document));
  expect(problemsOf(result)).toEqual([]);
  return JSON.parse(result.text) as Record<string, unknown>;
};
const steps = (document: Record<string, unknown>): Record<string, unknown>[] =>
  document['steps'] as Record<string, unknown>[];
const bundle = (more: object = {}): Record<string, unknown> => ({
  ...{
    id: 'ws-a',
    openspec_change: 'OS-1',
    ccpm_issue: 1,
    gate: 1,
    files_scope: ['src/'],
    tasks: ['do'],
    tool: 'aider',
  },
  ...more,
});

describe('a plan', () => {
  test('keeps every letter that is not changed', async () => {
    const old = lines(
      '{',
      '    "plan_id": "P",   "version": "1.0",',
      '    "globals": {},',
      '    "mine": [1,2,   3],',
      '    "steps": [',
      '        {"id": "a", "name": "a", "command": "x", "args": []},',
      '        {"id": "b", "name": "b", "command": "x", "args": [], "depends_on": "a", "timeout": 5}',
      '    ]',
      '}',
    );
    const { text, changes, state } = await migrateText('old.json', old);
    expect(state).toBe('migrated');
    expect(text).toBe(
      old
        .replace('{\n', '{\n    "schema_version": 1,\n')
        .replace('"depends_on": "a"', '"depends_on": ["a"]')
        .replace('"timeout"', '"timeout_sec"'),
    );
    expect(changes.map(({ line, where }) => `${line} ${where}`)).toEqual([
      '1 schema_version',
      '7 steps[1].timeout',
      '7 steps[1].depends_on',
    ]);
  });

  test('is given the names and shapes of today', async () => {
    const old = {
      ...{ id: 'P', version: 1.5, defaults: { max_parallel: 2, environment: { N: 1 } } },
      steps: [
        {
          step_id: 'a',
          title: 'A',
          cmd: 'x',
          arguments: ['$NAME'],
          working_dir: 'w',
          retries: null,
          on_failure: 'SKIP',
        },
        {
          step_id: 'b',
          cmd: 'x',
          dependencies: 'a',
          max_retries: 2,
          environment: { T: true },
          on_failure: 'stop',
          own: 1,
        },
      ],
    };
    const plan = await migrated(old);
    expect(plan).toMatchObject({
      plan_id: 'P',
      version: '1.5',
      globals: { max_concurrency: 2, env: { N: '1' } },
    });
    expect(steps(plan)).toEqual([
      { id: 'a', name: 'A', command: 'x', args: ['$NAME'], cwd: 'w', on_failure: 'skip_dependents' },
      {
        id: 'b',
        name: 'b',
        command: 'x',
        args: [],
        depends_on: ['a'],
        retries: 2,
        env: { T: 'true' },
        on_failure: 'abort',
        own: 1,
      },
    ]);
    expect(await errorsOf(plan)).toEqual([]);
    const { notes } = await migrateText('old.json', JSON.stringify(old));
    expect(notes.map(({ where }) => where)).toEqual(['steps[0].arguments[0]']);
  });

  test('of today is left alone, and migrating twice is migrating once', async () => {
    const today = JSON.stringify(planWith([step('a')], { schema_version: 1 }));
    expect(await migrateText('p.json', today)).toMatchObject({ state: 'current', text: today });
    const once = await migrateText('p.json', JSON.stringify(planWith([step('a')])));
    expect(await migrateText('p.json', once.text)).toMatchObject({ state: 'current', text: once.text });
  });

  test.each([1, 2, 3, 4, 5, 6, 7])(
    'any of its empty fields can go, with the commas around them (%i)',
    async (bits) => {
      const some = ['retries', 'shell', 'cwd'].filter((_, at) => (bits >> at) & 1);
      const nulls = Object.fromEntries(some.map((key) => [key, null]));
      for (const one of [
        { ...step('a'), ...nulls },
        { ...nulls, ...step('a') },
      ])
        for (const indent of [0, 2]) {
          const { text } = await migrateText('p.json', JSON.stringify(planWith([one]), null, indent));
          expect(steps(JSON.parse(text) as Record<string, unknown>)).toEqual([step('a')]);
        }
    },
  );

  test('in YAML keeps its comments', async () => {
    const old = lines(
      '# what this is for',
      'plan_id: P # its name',
      "version: '1'",
      'globals: {}',
      'steps:',
      '  # the first',
      '  - id: a',
      '    name: a',
      '    command: x',
      '    args: []',
      '  - {id: b, name: b, command: x, args: [], dependencies: a} # the second',
    );
    const { text } = await migrateText('old.yaml', old);
    expect(text.split('\n').slice(0, 3)).toEqual([
      '# what this is for',
      'schema_version: 1',
      'plan_id: P # its name',
    ]);
    for (const comment of ['# the first', '# the second']) expect(text).toContain(comment);
    expect(parse(text)).toMatchObject({
      schema_version: 1,
      steps: [{ id: 'a' }, { id: 'b', depends_on: ['a'] }],
    });
  });

  test('with comments in its JSON keeps their words', async () => {
    const old = lines(
      '/* DOC_ID: X-1 */',
      '// more',
      '{"plan_id": "P", "version": "1", "globals": {},',
      ' "steps": [{"id": "a", "name": "// no comment", "command": "x", "args": [],},],}',
    );
    const { text } = await migrateText('old.json', old);
    const plan = JSON.parse(text) as Record<string, unknown>;
    expect(plan['metadata']).toEqual({ comments: ['DOC_ID: X-1', 'more'] });
    expect(steps(plan)[0]!['name']).toBe('// no comment');
  });

  test.each([
    ['{"plan_id": 1', 'old.json:1:14: error: this is not JSON'],
    ['// c\n// d\n{"plan_id": {3}}', 'old.json:3:14: error: this is not JSON'],
    ['[]', 'this is neither a plan (an object with "steps") nor a workstream'],
    ['{"spec_id": "X"}', 'this is neither a plan (an object with "steps") nor a workstream'],
    [
      JSON.stringify(planWith([], { schema_version: 2 })),
      'schema version 2; this Planwright reads up to 1; run it with a newer Planwright',
    ],
    [
      JSON.stringify(planWith([], { schema_version: '1' })),
      '"schema_version" must be 1, found "1"; the version of the plan itself is "version"',
    ],
    [JSON.stringify(planWith([step('a', { args: 'a b' })])), '"args" is one text: only its author knows'],
    [
      JSON.stringify(planWith([step('a', { timeout: 1, timeout_sec: 2 })])),
      'both "timeout" and "timeout_sec" are there',
    ],
    [JSON.stringify(planWith(['x'])), 'this step is no object'],
    ['{"plan_id": "a", "plan_id": "b", "steps": []}', 'the key "plan_id" is here twice'],
  ])('that is %j is refused with a reason', async (text, words) => {
    const result = await migrateText('old.json', text);
    expect(result).toMatchObject({ state: 'refused', text });
    expect(problemsOf(result).join('\n')).toContain(words);
  });
});

describe('a bundle', () => {
  test.each<[object, readonly string[] | undefined]>([
    [{ depends_on: 'ws-b' }, ['ws-b']],
    [{ depends_on: ['ws-b', 'ws-b'] }, ['ws-b']],
    [{ dependencies: 'ws-b' }, ['ws-b']],
    [{ dependencies: ['ws-b'] }, ['ws-b']],
    [{ dependencies: { depends_on: ['ws-b'] } }, ['ws-b']],
    [{ depends_on: ['ws-b'], dependencies: ['ws-c'] }, ['ws-b', 'ws-c']],
    [{}, undefined],
  ])('with %j depends on %j', async (more, expected) => {
    const one = await migrated(bundle(more));
    expect(one['depends_on']).toEqual(expected);
    expect(one).not.toHaveProperty('dependencies');
  });

  test('says where it was said what it needs, and keeps what nobody reads', async () => {
    const {
      files_scope: _,
      tasks: __,
      ...rest
    } = bundle({
      scope: { files_in_scope: ['a.py'] },
      execution_steps: [{ step: 1, action: 'Do it' }],
      dependencies: { depends_on: ['ws-b'], blocks: ['ws-c'] },
      priority: 'high',
    });
    expect(await migrated(rest)).toMatchObject({
      files_scope: ['a.py'],
      tasks: ['Do it'],
      depends_on: ['ws-b'],
      _dependencies: { blocks: ['ws-c'] },
      priority: 'foreground',
      scope: { files_in_scope: ['a.py'] },
    });
  });

  test('that lacks what nobody can know is refused, all of it named at once', async () => {
    const { tool: _, gate: __, ...rest } = bundle();
    const result = await migrateText('ws.json', JSON.stringify(rest));
    expect(problemsOf(result).join()).toContain(
      '"gate" and "tool" are missing, and nothing in the file says them',
    );
  });

  test('of a newer version is refused by those that load it, too', async () => {
    const { readBundles } = await import('../../../src/workstream/load/read-bundles.js');
    const [draft] = await readBundles('ws.json', () => JSON.stringify(bundle({ schema_version: 7 })), false);
    expect(draft!.workstream).toBeNull();
    expect(draft!.problems.map(formatProblem).join()).toContain(
      'schema version 7; this Planwright reads up to 1',
    );
    const [today] = await readBundles('ws.json', () => JSON.stringify(bundle({ schema_version: 1 })), false);
    expect(today!.problems).toEqual([]);
  });
});

test('a plan of a newer version is refused with nothing else said of it', async () => {
  expect(await errorsOf({ schema_version: 2, whatever: true })).toEqual([
    'newer-schema: this file is written for schema version 2; this Planwright reads up to 1; run it with a newer Planwright; nothing here can tell what it would mean',
  ]);
});
