import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../src/plan/load/diagnostics.js';
import { bundle, loadTexts } from './set.js';

const errors = async (files: Record<string, unknown>, strict = false): Promise<string[]> =>
  (await loadTexts(files, strict)).problems.filter(({ severity }) => severity === 'error').map(formatProblem);
const warnings = async (files: Record<string, unknown>): Promise<string[]> =>
  (await loadTexts(files)).problems.filter(({ severity }) => severity === 'warning').map(formatProblem);

describe('a bundle that is wrong', () => {
  test('is named with its place, and stops no other', async () => {
    const set = await loadTexts({
      'ws-a.json': bundle('ws-a'),
      'ws-b.json': '{\n  "id": "ws-b",\n  "gate": 0\n}',
      'ws-c.json': '{ "id": ',
    });
    expect(set.bundles.map(({ workstream }) => workstream.id)).toEqual(['ws-a']);
    expect(set.malformed).toEqual([
      {
        file: 'ws-b.json',
        id: 'ws-b',
        line: 1,
        column: 1,
        reason: 'workstream "ws-b": missing required field: openspec_change',
      },
      {
        file: 'ws-c.json',
        id: 'ws-c',
        line: 1,
        column: 9,
        reason: 'this is not JSON: expected a value, found the end of the file',
      },
    ]);
    expect(set.problems.map(formatProblem)).toContain(
      'ws-b.json:3:11: error: workstream "ws-b": "gate" must be a whole number from 1 to 1000000, found 0',
    );
  });

  test('that cannot be read is malformed too', async () => {
    const set = await loadTexts({
      'ws-a.json': Object.assign(new Error('no'), { code: 'EACCES' }),
      'ws-b.json': bundle('ws-b'),
    });
    expect(set.malformed.map(({ id, reason }) => [id, reason])).toEqual([
      ['ws-a', '"ws-a.json" cannot be read: no'],
    ]);
    expect(set.bundles.length).toBe(1);
  });

  test.each([
    ['/etc/passwd', 'a path seen from the top of the repository, not an absolute one'],
    ['C:\\x', 'a path seen from the top of the repository, not an absolute one'],
    ['a/../../b', 'a path without ".."'],
    ['.git/hooks/', 'a path outside ".git", which belongs to git alone'],
    ['', 'a path'],
  ])('may not have %j in its scope', async (path, phrase) => {
    const found = await errors({ 'ws-a.json': bundle('ws-a', { files_scope: [path] }) });
    expect(found[0]).toContain(`"files_scope[0]" must be ${phrase}, found`);
  });

  test.each([
    [{ id: 'WS-A' }, '"id" must be an id'],
    [{ kind: 'imp' }, 'did you mean "impl"?'],
    [
      { capability_payload: { timeout_ms: 999 } },
      '"capability_payload.timeout_ms" must be a whole number from 1000',
    ],
    [{ capability_payload: { max_retries: 6 } }, 'from 0 to 5'],
    [{ circuit_breaker: { max_attempts: 0 } }, 'from 1 to'],
    [{ test_gates: [{ type: 'GATE_LINTS' }] }, 'did you mean "GATE_LINT"?'],
    [{ max_cost_usd: -1 }, 'a number from 0'],
    [{ files_scope: [] }, 'a list of at least one path'],
  ])('says what is wrong with %j', async (more, words) => {
    expect((await errors({ 'ws-a.json': bundle('ws-a', more) })).join('\n')).toContain(words);
  });

  test('with the id of another is refused, and so is the other', async () => {
    const set = await loadTexts({ 'x.json': bundle('ws-a'), 'y.json': [bundle('ws-b'), bundle('ws-a')] });
    expect(set.bundles.map(({ workstream }) => workstream.id)).toEqual(['ws-b']);
    expect(set.malformed.map(({ file, reason }) => [file, reason])).toEqual([
      ['x.json', 'duplicate workstream id "ws-a": y.json:1 has it too'],
      ['y.json', 'duplicate workstream id "ws-a": x.json:1 has it too'],
    ]);
  });
});

describe('a file', () => {
  test('may hold a list, and one wrong bundle in it leaves the others', async () => {
    const set = await loadTexts({ 'many.json': [bundle('ws-a'), 7, bundle('ws-b')] });
    expect(set.bundles.map(({ workstream }) => workstream.id)).toEqual(['ws-a', 'ws-b']);
    expect(set.malformed.map(({ reason }) => reason)).toEqual([
      'a workstream must be an object with "id", "files_scope", "tasks" and "tool", found 7',
    ]);
  });

  test('with more than the server takes in one piece is refused, before a run waits for it for ever', async () => {
    const found = await errors({ 'ws-a.json': bundle('ws-a', { tasks: ['x'.repeat(200_000)] }) });
    expect(found).toEqual([
      expect.stringMatching(
        /: its tasks, paths and acceptance tests have 2\d{5} bytes together; they may have 131072; put/,
      ),
    ]);
  });

  test('with a NUL character where a process is given text is refused', async () => {
    const found = await errors({ 'ws-a.json': bundle('ws-a', { acceptance_tests: ['true', 'tr\0ue'] }) });
    expect(found).toEqual([
      expect.stringContaining('"acceptance_tests" holds a NUL character, which no process can be given'),
    ]);
    expect(await errors({ 'ws-a.json': bundle('ws-a', { tasks: ['a\0b'] }) })).toHaveLength(1);
  });

  test('may open with a byte order mark', async () => {
    const set = await loadTexts({ 'ws-a.json': `\ufeff${JSON.stringify(bundle('ws-a'))}` });
    expect(set.malformed).toEqual([]);
  });
});

describe('keys that a bundle does not have', () => {
  test('are warned of, but for "doc_id" and those that open with "_"', async () => {
    const found = await warnings({
      'ws-a.json': bundle('ws-a', {
        doc_id: 'D',
        _comment_x: '…',
        prioritty: 'x',
        constructor: 1,
        steps: [],
      }),
    });
    expect(found.map((line) => line.replace(/^.*warning: /, ''))).toEqual([
      'workstream "ws-a": unknown key "prioritty" is ignored; did you mean "priority"?',
      expect.stringContaining('unknown key "constructor" is ignored'),
      'workstream "ws-a": "steps" is not read; its "tasks" are what the tool is given; the order of workstreams is in "depends_on"',
    ]);
  });

  test('are errors to the strict', async () => {
    expect(await errors({ 'ws-a.json': bundle('ws-a', { doc_id: 'D' }) }, true)).toHaveLength(1);
  });
});

describe('dependencies', () => {
  test('may be a lone id, or be spelled "dependencies"', async () => {
    const set = await loadTexts({
      'a.json': bundle('ws-a'),
      'b.json': bundle('ws-b', { depends_on: 'ws-a' }),
      'c.json': bundle('ws-c', { dependencies: { depends_on: ['ws-b', 'ws-b'] } }),
    });
    expect(set.bundles.map(({ workstream }) => workstream.dependsOn)).toEqual([[], ['ws-a'], ['ws-b']]);
  });

  test('on what is malformed or unknown block it and those below it, with the reason, and nobody else', async () => {
    // ws-bad(malformed) ─► ws-a ─► ws-b    ws-x(unknown) ─► ws-c    ws-d
    const set = await loadTexts({
      'ws-bad.json': '{',
      'a.json': bundle('ws-aa', { depends_on: ['ws-bad'] }),
      'b.json': bundle('ws-bb', { depends_on: ['ws-aa'] }),
      'c.json': bundle('ws-cc', { depends_on: ['ws-ddd'] }),
      'd.json': bundle('ws-dd'),
    });
    expect(set.blocked).toEqual([
      { id: 'ws-aa', reason: 'workstream "ws-aa" depends on "ws-bad", which is malformed (ws-bad.json:1:2)' },
      {
        id: 'ws-bb',
        reason:
          'depends on "ws-aa", which is blocked: workstream "ws-aa" depends on "ws-bad", which is malformed (ws-bad.json:1:2)',
      },
      { id: 'ws-cc', reason: 'workstream "ws-cc" depends on "ws-ddd", which is not in this set' },
    ]);
    expect(set.problems.map(formatProblem).at(-1)).toContain('did you mean "ws-dd"?');
  });

  test('in a circle are said once, from the smallest id on, and block all in it and below it', async () => {
    const set = await loadTexts({
      'c.json': bundle('ws-c', { depends_on: ['ws-b'] }),
      'b.json': bundle('ws-b', { depends_on: ['ws-a'] }),
      'a.json': bundle('ws-a', { depends_on: ['ws-c'] }),
      'd.json': bundle('ws-d', { depends_on: ['ws-c'] }),
      'e.json': bundle('ws-e'),
    });
    expect(set.cycles).toEqual([['ws-a', 'ws-c', 'ws-b']]);
    expect(set.blocked.map(({ id }) => id)).toEqual(['ws-a', 'ws-b', 'ws-c', 'ws-d']);
    const said = set.problems.filter(({ code }) => code === 'cycle').map(({ message }) => message);
    expect(said).toEqual(['circular dependency: ws-a → ws-c → ws-b → ws-a']);
  });
});
