/**
 * From a change in Markdown to a bundle that loads.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { readSet } from '../../src/workstream/load/read-folder.js';
import { aWorld } from './a-world.js';
import type { Answer } from './a-shop.js';

let repository: string;
beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'planwright-spec-'));
  mkdirSync(join(repository, 'docs'));
});
afterEach(() => rmSync(repository, { recursive: true, force: true }));

function change(id: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = join(repository, 'openspec', 'changes', id, name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  }
}

const SEARCH = {
  'proposal.md': '---\ntitle: Add search\nowner: jo\n---\n# Proposal\nFor #12.\n',
  'tasks.md': '- [x] Think\n- [ ] Create core/search.py\n  * [ ] Test it in tests/test_search.py\n',
  'specs/search/spec.md': '### Requirement: Search\n#### Scenario: Nothing found\n',
};

async function fromSpec(argv: readonly string[], answers?: readonly string[]): Promise<Answer> {
  const world = aWorld({
    env: { PLANWRIGHT_HOME: join(repository, 'home'), NO_COLOR: '1', LANG: 'C.UTF-8' },
    cwd: join(repository, 'docs'), // below the top of the repository
    ...(answers === undefined ? {} : { answers }),
  });
  const code = await main(['workstream', 'from-spec', ...argv], world);
  return { code, out: world.out.text(), err: world.err.text() };
}

const written = (): string => join(repository, 'workstreams', 'ws-add-search.json');

test('what is written loads strictly, with what the change says, and a second time gives the same bytes', async () => {
  change('add-search', SEARCH);
  const answer = await fromSpec(['--change-id', 'add-search']);
  expect(answer).toMatchObject({ code: 0, err: '' });
  expect(answer.out).toContain('✔ ws-add-search: 2 tasks, written to ../workstreams/ws-add-search.json');
  expect(answer.out).toMatch(/acceptance_tests +Verify: Nothing found +is prose/);
  const { bundles, problems } = await readSet({ path: join(repository, 'workstreams'), strict: true });
  expect(problems).toEqual([]);
  expect(bundles.map(({ workstream }) => workstream)).toMatchObject([
    {
      id: 'ws-add-search',
      openspecChange: 'add-search',
      ccpmIssue: 12,
      filesScope: ['core/search.py', 'tests/test_search.py'],
      filesCreate: ['core/search.py'],
      tasks: ['Create core/search.py', 'Test it in tests/test_search.py'],
    },
  ]);
  const bytes = readFileSync(written());
  expect(await fromSpec(['--change-id', 'add-search', '--force'])).toMatchObject({ code: 0 });
  expect(readFileSync(written()).equals(bytes)).toBe(true);
});

test('what is there is not overwritten, nor a second workstream made of one id', async () => {
  change('add-search', SEARCH);
  mkdirSync(join(repository, 'workstreams'));
  writeFileSync(written(), 'mine\n');
  const refused = await fromSpec(['--change-id', 'add-search']);
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('overwrite it: --force')]);
  expect(readFileSync(written(), 'utf8')).toBe('mine\n');
  expect(await fromSpec(['--change-id', 'add-search', '--force'])).toMatchObject({ code: 0 });
  const output = join(repository, 'workstreams', 'other.json');
  const double = await fromSpec(['--change-id', 'add-search', '--output', output]);
  expect([double.code, double.err]).toEqual([2, expect.stringContaining('has a workstream "ws-add-search"')]);
  expect(existsSync(output)).toBe(false);
});

test('--dry-run prints the bundle and writes nothing; --json says all of it', async () => {
  change('add-search', SEARCH);
  const dry = await fromSpec(['--change-id', 'add-search', '--dry-run']);
  expect(JSON.parse(dry.out)).toMatchObject({ id: 'ws-add-search' });
  expect(dry.err).toContain('to look at');
  const json = await fromSpec(['--change-id', 'add-search', '--dry-run', '--json', '--ws-id', 'ws-mine']);
  expect(JSON.parse(json.out)).toMatchObject({
    written: false,
    bundle: { id: 'ws-mine' },
    guesses: [{ field: 'acceptance_tests' }, { field: 'tool' }],
  });
  expect(existsSync(join(repository, 'workstreams'))).toBe(false);
});

test.each([
  [['--tool', 'a b;c'], 'It must be the name of a tool'],
  [['--tool', ''], 'It must be the name of a tool'],
  [['--output', '/nonexistent/x.json'], 'there is no folder "/nonexistent"'],
  [['--output', '../..'], 'is none'],
  [['--output', ''], 'is none'],
])('what cannot be meant is refused, and nothing is made: %s', async (options, words) => {
  change('add-search', SEARCH);
  const { code, err } = await fromSpec(['--change-id', 'add-search', ...options]);
  expect([code, err]).toEqual([2, expect.stringContaining(words)]);
  expect(existsSync('/nonexistent')).toBe(false);
  expect(existsSync(join(repository, 'workstreams'))).toBe(false);
});

test('--list names the changes; without any it is a failure', async () => {
  expect(await fromSpec(['--list'])).toMatchObject({
    code: 1,
    out: expect.stringContaining('there is no change') as string,
  });
  change('add-search', SEARCH);
  change('bad', { 'proposal.md': '---\ntitle: [\n---\n' });
  change('archive', { 'old/proposal.md': '# Old' });
  const listed = await fromSpec(['--list']);
  expect(listed.code).toBe(0);
  expect(listed.out).toMatch(/^add-search {2}Add search\nbad {9}.*proposal\.md:2: .*not YAML/);
  expect(listed.out).not.toContain('archive');
});

test('wrong use says what would be right, and writes nothing', async () => {
  change('add-search', SEARCH);
  const slip = await fromSpec(['--change-id', 'add-serch']);
  expect([slip.code, slip.err]).toEqual([2, expect.stringContaining('did you mean "add-search"?')]);
  const none = await fromSpec([]);
  expect([none.code, none.err]).toEqual([2, expect.stringContaining('there are: add-search')]);
  const up = await fromSpec(['--change-id', '../../docs']);
  expect(up.code).toBe(2);
  const id = await fromSpec(['--change-id', 'add-search', '--ws-id', 'Search']);
  expect([id.code, id.err]).toEqual([2, expect.stringContaining('name another: --ws-id ws-…')]);
  const alone = await fromSpec(['-i']);
  expect([alone.code, alone.err]).toEqual([2, expect.stringContaining('nobody is there to answer')]);
  expect(existsSync(join(repository, 'workstreams'))).toBe(false);
});

test('-i lets a person choose, shows the bundle, and writes on "yes" alone', async () => {
  change('add-search', SEARCH);
  change('other', { 'tasks.md': '- [ ] Other\n' });
  const no = await fromSpec(['-i'], ['1', 'n']);
  expect([no.code, no.err]).toEqual([1, expect.stringContaining('nothing was written')]);
  expect(no.err).toContain('"id": "ws-add-search"');
  expect((await fromSpec(['-i'], ['add-search'])).code).toBe(1); // the input ended
  expect(existsSync(written())).toBe(false);
  expect(await fromSpec(['-i'], ['1', 'y'])).toMatchObject({ code: 0 });
  expect(existsSync(written())).toBe(true);
});

const reference = process.env['PLANWRIGHT_REFERENCE_DATA'] ?? '';
test.skipIf(reference === '')('the reference change makes the bundle it always made, but valid', async () => {
  cpSync(join(reference, 'openspec'), join(repository, 'openspec'), { recursive: true });
  expect(await fromSpec(['--change-id', 'test-001'])).toMatchObject({ code: 0 });
  const { bundles } = await readSet({ path: join(repository, 'workstreams'), strict: true });
  expect(bundles.map(({ workstream }) => workstream)).toMatchObject([
    {
      id: 'ws-test-integration',
      openspecChange: 'test-001',
      ccpmIssue: 0,
      filesScope: ['src/'],
      tool: 'aider',
    },
  ]);
  expect(bundles[0]!.workstream.tasks).toHaveLength(3);
});
