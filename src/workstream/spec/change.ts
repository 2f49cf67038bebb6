/**
 * A change as people describe it in Markdown: a proposal, a list of tasks, requirements with scenarios.
 */
import { parseDocument } from 'yaml';

/** The files of a change, as texts. */
export interface ChangeTexts {
  /** The name of its folder. */
  readonly id: string;
  readonly proposal: string | null;
  readonly tasks: string | null;
  /** All further Markdown files, by their paths inside the folder, in order. */
  readonly others: readonly { readonly file: string; readonly text: string }[];
}

export interface Change {
  readonly id: string;
  readonly title: string;
  /** Where the title was found; `id` when the change has none. */
  readonly titleFrom: 'front-matter' | 'heading' | 'id';
  readonly owner: string | null;
  /** The proposal without its first heading. */
  readonly description: string;
  readonly tasks: readonly ChangeTask[];
  readonly requirements: readonly Requirement[];
}

export interface ChangeTask {
  readonly text: string;
  readonly done: boolean;
}

export interface Requirement {
  readonly name: string;
  readonly text: string;
  readonly scenarios: readonly string[];
}

/** A proposal whose front matter cannot be read. */
export class BadFrontMatter extends Error {
  override readonly name = 'BadFrontMatter';
  constructor(
    readonly line: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Reads a change.
 *
 * @throws BadFrontMatter
 */
export function readChange({ id, proposal, tasks, others }: ChangeTexts): Change {
  const { front, body } = splitFrontMatter(linesOf(proposal ?? ''));
  const heading = body.findIndex((line) => /^#+\s/.test(line));
  const named = heading < 0 ? '' : titleIn(body[heading]!);
  const written = wordsOf(front['title']);
  const description = body
    .filter((_, at) => at !== heading)
    .join('\n')
    .trim();
  return {
    id,
    title: written ?? (named || id),
    titleFrom: written !== null ? 'front-matter' : named !== '' ? 'heading' : 'id',
    owner: wordsOf(front['owner']) ?? wordsOf(front['author']),
    description,
    tasks: tasksIn(tasks ?? ''),
    requirements: others.flatMap(({ text }) => requirementsIn(text)),
  };
}

/** "# Proposal" names the kind of the document and not what it is about. */
const titleIn = (heading: string): string =>
  heading
    .replace(/^#+\s+/, '')
    .replace(/^(change|proposal)\s*:\s*/i, '')
    .replace(/^(change\s+)?proposal$/i, '')
    .trim();

const linesOf = (text: string): string[] => text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);

function wordsOf(value: unknown): string | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  return String(value).replace(/\s+/g, ' ').trim() || null;
}

function splitFrontMatter(lines: readonly string[]): {
  readonly front: Readonly<Record<string, unknown>>;
  readonly body: readonly string[];
} {
  const end =
    lines[0]?.trimEnd() === '---'
      ? lines.findIndex((line, at) => at > 0 && /^(---|\.\.\.)\s*$/.test(line))
      : -1;
  if (end < 0) return { front: {}, body: lines };
  const document = parseDocument(lines.slice(1, end).join('\n'), { strict: false });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new BadFrontMatter(
      1 + (error.linePos?.[0].line ?? 1),
      error.message.split('\n')[0]!.replace(/ at line \d+.*$/, ''),
    );
  }
  const front = document.toJS({ maxAliasCount: 0 }) as unknown;
  return {
    front: typeof front === 'object' && front !== null ? (front as Record<string, unknown>) : {},
    body: lines.slice(end + 1),
  };
}

const ITEM = /^(\s*)(?:[-*+]|\d+[.)])\s+\[([ xX])\]\s*(.*)$/;
const OTHER_ITEM = /^\s*(?:[-*+]|\d+[.)])\s/;

/** Returns the items of a list with boxes: of any mark, at any depth, with the lines that go on with them. */
export function tasksIn(text: string): ChangeTask[] {
  const tasks: { text: string; done: boolean }[] = [];
  let open: { text: string; done: boolean } | null = null;
  for (const line of outsideFences(linesOf(text))) {
    const item = ITEM.exec(line);
    if (item !== null) {
      open = { text: item[3]!.trim(), done: item[2] !== ' ' };
      tasks.push(open);
    } else if (open !== null && /^\s+\S/.test(line) && !OTHER_ITEM.test(line)) {
      open.text = `${open.text} ${line.trim()}`;
    } else open = null;
  }
  return tasks.filter((task) => task.text !== '');
}

/** Returns the `### Requirement:` sections of a document, each with the names of its `#### Scenario:` sections. */
export function requirementsIn(text: string): Requirement[] {
  const found: { name: string; lines: string[]; scenarios: string[] }[] = [];
  let current: (typeof found)[number] | null = null;
  for (const line of outsideFences(linesOf(text))) {
    const [, marks = '', kind = '', name = ''] =
      /^(#{1,6})\s+(?:(Requirement|Scenario)\s*:\s*)?(.*?)\s*#*\s*$/i.exec(line) ?? [];
    if (/^requirement$/i.test(kind)) found.push((current = { name, lines: [], scenarios: [] }));
    else if (/^scenario$/i.test(kind)) current?.scenarios.push(name);
    else if (marks !== '' && marks.length <= 3) current = null;
    else current?.lines.push(line);
  }
  return found.map(({ name, lines, scenarios }) => ({ name, text: lines.join('\n').trim(), scenarios }));
}

/** Leaves out blocks of code: a list in one is an example. */
function outsideFences(lines: readonly string[]): string[] {
  let fence: string | null = null;
  return lines.filter((line) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1] ?? null;
    if (fence === null) {
      fence = mark;
      return mark === null;
    }
    if (mark !== null && mark[0] === fence[0] && mark.length >= fence.length) fence = null;
    return false;
  });
}
