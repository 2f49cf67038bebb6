import { describe, expect, test } from 'vitest';
import { bundleOf, NoBundle, type SpecOptions } from '../../src/workstream/spec/bundle-of.js';
import { BadFrontMatter, readChange, tasksIn, type ChangeTexts } from '../../src/workstream/spec/change.js';
import { filesIn } from '../../src/workstream/spec/file-names.js';

const changeOf = (texts: Partial<ChangeTexts>) =>
  readChange({ id: 'add-search', proposal: null, tasks: null, others: [], ...texts });
const made = (texts: Partial<ChangeTexts>, options: Partial<SpecOptions> = {}) =>
  bundleOf(changeOf(texts), { id: null, tool: 'aider', trackedIssue: null, ...options });
const task = '- [ ] Do it in src/a.py\n';

describe('names of files in prose', () => {
  test('are whole paths, not their endings', () => {
    const text = 'Change `core/db.py` and docs/how.md; see config\\x.yaml, ./run.sh (and a.ps1).';
    expect(filesIn([text]).paths).toEqual(['core/db.py', 'docs/how.md', 'config/x.yaml', 'run.sh', 'a.ps1']);
  });

  test('are not found in addresses, versions and absolute paths', () => {
    expect(filesIn(['https://x.org/a/b.md, v1.2, /etc/x.json, e.g. words, a.pyc, .git']).paths).toEqual([]);
  });

  test('may be patterns, and directories in backquotes', () => {
    expect(filesIn(['all of `core/state/` and tests/test_*.py']).paths).toEqual([
      'core/state/',
      'tests/test_*.py',
    ]);
  });

  test('that lead out of the repository are refused with the fault', () => {
    expect(filesIn(['Edit ../other/a.py'])).toEqual({
      paths: [],
      created: [],
      refused: [{ name: '../other/a.py', fault: 'climbs' }],
    });
  });

  test('are made when they stand behind "create" or "add", and not when something is added to them', () => {
    const texts = [
      'Create src/a.py and `src/b.py`, update c.md.',
      'Add a section to d.md',
      'Adds e.json using f.json',
    ];
    const { created, paths } = filesIn(texts);
    expect(created).toEqual(['src/a.py', 'src/b.py', 'e.json']);
    expect(paths).toEqual(['src/a.py', 'src/b.py', 'c.md', 'd.md', 'e.json', 'f.json']);
  });
});

describe('tasks', () => {
  test('are items with boxes: of any mark, nested, over several lines, not in code', () => {
    const text =
      '# Tasks\n- [ ] one\n  goes on\n  * [ ] nested\n+ [x] done\n1. [ ] numbered\n2) [X] done too\n- no box\n```\n- [ ] example\n```\n- [ ]\n';
    expect(tasksIn(text)).toEqual([
      { text: 'one goes on', done: false },
      { text: 'nested', done: false },
      { text: 'done', done: true },
      { text: 'numbered', done: false },
      { text: 'done too', done: true },
    ]);
  });

  test('that are done are not given to a tool again, and are kept as a note', () => {
    const { bundle } = made({ tasks: '- [x] Write old.py\r\n- [ ] Write new.py\r\n' });
    expect(bundle).toMatchObject({
      tasks: ['Write new.py'],
      files_scope: ['new.py'],
      metadata: { done_tasks: ['Write old.py'] },
    });
  });

  test('that are all done make no workstream', () => {
    expect(() => made({ tasks: '- [x] a\n- [x] b\n' })).toThrow(NoBundle);
  });

  test('are the description where there are none, and that is said', () => {
    const { bundle, guesses } = made({ proposal: '# Proposal\nMake it quick.\n' });
    expect(bundle['tasks']).toEqual(['Make it quick.']);
    expect(guesses).toContainEqual(expect.objectContaining({ field: 'tasks' }));
  });
});

describe('a bundle', () => {
  test('holds what a change says', () => {
    const { bundle } = made({
      proposal: '---\ntitle: "Suche: Größe ändern"\nowner: jo\n---\n# Proposal\nFixes issue #42.\n',
      tasks: task,
      others: [
        {
          file: 'specs/search/spec.md',
          text: '## ADDED\n### Requirement: Index\nKept in core/index.py.\n#### Scenario: Empty\n- WHEN nothing\n#### Scenario: Large\n### Other\nno/part.py\n',
        },
      ],
    });
    expect(bundle).toMatchObject({
      id: 'ws-suche-grosse-andern',
      openspec_change: 'add-search',
      ccpm_issue: 42,
      gate: 1,
      files_scope: ['src/a.py', 'core/index.py'],
      acceptance_tests: ['Verify: Empty', 'Verify: Large'],
      depends_on: [],
      tool: 'aider',
      circuit_breaker: { max_attempts: 5, max_error_repeats: 3, oscillation_threshold: 2 },
      metadata: { owner: 'jo', openspec_title: 'Suche: Größe ändern' },
    });
  });

  test('has an id even if its title has no letter of ASCII', () => {
    expect(made({ proposal: '# 検索\n', tasks: task }).bundle.id).toBe('ws-add-search');
    expect(() => made({ id: '検索', tasks: task })).toThrow('no id can be made');
    expect(made({ id: '検索', tasks: task }, { id: 'ws-x' }).bundle.id).toBe('ws-x');
  });

  test('takes its issue from the proposal, then from what is on record, then none', () => {
    const issue = (proposal: string, trackedIssue: number | null) =>
      made({ proposal, tasks: task }, { trackedIssue }).bundle['ccpm_issue'];
    expect(issue('# 12 things\nSee #7.', 9)).toBe(7);
    expect(issue('# 12 things\nColour #a0a0a0', 9)).toBe(9);
    expect(issue('', null)).toBe(0);
  });

  test('names every guess', () => {
    const fields = made({ tasks: '- [ ] Think\n' }).guesses.map(({ field }) => field);
    expect(fields).toEqual([
      'ccpm_issue',
      'files_scope',
      'acceptance_tests',
      'tool',
      'metadata.owner',
      'metadata.openspec_title',
    ]);
  });
});

test('front matter that is no YAML is named with its line', () => {
  expect(() => changeOf({ proposal: '---\na: 1\ntitle: "open\n---\n' })).toThrow(BadFrontMatter);
});
