/**
 * From a change to a bundle: what it says is taken over, what it leaves open is guessed, and each guess is named.
 */
import type { Change } from './change.js';
import { filesIn } from './file-names.js';

export interface SpecOptions {
  /** Instead of the id made from the title. */
  readonly id: string | null;
  readonly tool: string;
  /** The issue that is on record for the change; null when none is. */
  readonly trackedIssue: number | string | null;
}

/** Something a person should look at. */
export interface Guess {
  /** The field of the bundle. */
  readonly field: string;
  readonly value: string;
  readonly why: string;
}

export interface SpecBundle {
  /** As it is written: keys in the order in which people read them. */
  readonly bundle: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly guesses: readonly Guess[];
}

/** Why no bundle can be made. */
export class NoBundle extends Error {
  override readonly name = 'NoBundle';
  constructor(
    message: string,
    readonly remedies: readonly string[],
  ) {
    super(message);
  }
}

/**
 * Makes a bundle of a change.
 *
 * @throws NoBundle when nothing is left to do, or no id can be made
 */
export function bundleOf(change: Change, options: SpecOptions): SpecBundle {
  const guesses: Guess[] = [];
  const guess = (field: string, value: unknown, why: string): void =>
    void guesses.push({ field, value: typeof value === 'string' ? value : JSON.stringify(value), why });
  const id = idOf(change, options, guess);
  const tasks = tasksOf(change, guess);
  const done = change.tasks.filter((task) => task.done).map(({ text }) => text);
  const issue = issueOf(change, options, guess);
  const requirements = change.requirements.map(({ name, text }) => `${name}\n${text}`);
  const { paths, created, refused } = filesIn([...tasks, ...requirements]);
  if (paths.length === 0) guess('files_scope', 'src/', 'no file is named in the tasks and requirements');
  for (const { name } of refused)
    guess('files_scope', name, 'is named, but is no path of the repository: left out');
  const scenarios = [...new Set(change.requirements.flatMap((one) => one.scenarios))];
  for (const name of scenarios)
    guess('acceptance_tests', `Verify: ${name}`, 'is prose: nothing runs it until it is a command');
  if (scenarios.length === 0) guess('acceptance_tests', [], 'no scenario is written down');
  guess('tool', options.tool, 'a change does not say which tool is to do it');
  if (change.owner === null) guess('metadata.owner', 'unassigned', 'the proposal names no owner');
  if (change.titleFrom !== 'front-matter')
    guess(
      'metadata.openspec_title',
      change.title,
      change.titleFrom === 'heading'
        ? 'is the heading: the proposal has no "title" in its front matter'
        : 'is the name of the folder: the proposal has no title',
    );
  return {
    bundle: {
      id,
      openspec_change: change.id,
      ccpm_issue: issue,
      gate: 1,
      files_scope: paths.length === 0 ? ['src/'] : paths,
      files_create: created,
      tasks,
      acceptance_tests: scenarios.map((name) => `Verify: ${name}`),
      depends_on: [],
      tool: options.tool,
      circuit_breaker: { max_attempts: 5, max_error_repeats: 3, oscillation_threshold: 2 },
      metadata: {
        owner: change.owner ?? 'unassigned',
        openspec_title: change.title,
        generated_by: 'planwright workstream from-spec',
        notes: `Made from the change ${change.id}.`,
        ...(done.length === 0 ? {} : { done_tasks: done }),
      },
    },
    guesses,
  };
}

type Note = (field: string, value: unknown, why: string) => void;

const MAX_SLUG = 97;

/** Returns a text as ids are written: `Größe ändern` is `grosse-andern`; the empty text when no letter or digit of ASCII is left. */
export const slugOf = (text: string): string =>
  text
    .replaceAll('ß', 'ss')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_SLUG)
    .replace(/^-+|-+$/g, '');

function idOf(change: Change, { id }: SpecOptions, guess: Note): string {
  if (id !== null) return id;
  const fromTitle = slugOf(change.title);
  if (fromTitle !== '') return `ws-${fromTitle}`;
  const fromId = slugOf(change.id);
  if (fromId === '')
    throw new NoBundle(`no id can be made of the title "${change.title}"`, ['name one: --ws-id ws-…']);
  guess('id', `ws-${fromId}`, 'the title has no letter or digit of ASCII: made from the name of the change');
  return `ws-${fromId}`;
}

function tasksOf(change: Change, guess: Note): readonly string[] {
  const open = change.tasks.filter((task) => !task.done).map(({ text }) => text);
  if (open.length > 0) return open;
  if (change.tasks.length > 0) {
    throw new NoBundle(
      `all ${change.tasks.length} tasks of the change "${change.id}" are done: nothing is left for a workstream`,
      ['tasks that are open are written "- [ ] …" in tasks.md'],
    );
  }
  if (change.description === '') {
    throw new NoBundle(`the change "${change.id}" has neither tasks nor a description`, [
      'write tasks.md, with a line "- [ ] …" for each task',
    ]);
  }
  guess('tasks', change.description.split('\n')[0]!, 'is the description: tasks.md has no "- [ ]" item');
  return [change.description];
}

function issueOf(change: Change, { trackedIssue }: SpecOptions, guess: Note): number | string {
  const numbers = [
    ...change.description.matchAll(/(?:^|[\s([])#(\d{1,9})\b|\bissues?\s*[:#]?\s*#?(\d{1,9})\b/gim),
  ].map(([, hash, word]) => Number(hash ?? word));
  const distinct = [...new Set(numbers)];
  const [first] = distinct;
  if (first !== undefined) {
    if (distinct.length > 1)
      guess('ccpm_issue', first, `is the first of several: ${distinct.map((one) => `#${one}`).join(', ')}`);
    return first;
  }
  if (trackedIssue !== null) return trackedIssue;
  guess('ccpm_issue', 0, 'no issue is named in the proposal, nor on record for the change');
  return 0;
}
