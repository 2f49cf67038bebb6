/**
 * Doc ids: `"doc_id": "DOC-…"` at the top of a JSON object, `DOC_ID: DOC-…` in a comment or a line at the top of other
 * texts. A file whose history or index has one, and which has none now, has lost it.
 */
import { lstat, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { editJson } from '../../plan/load/migrate/edit-json.js';
import { writeAtomically } from '../git/atomic-file.js';
import { gitIn, openRepository, type Repository } from '../git/repository.js';
import type { Done, RepoWorld } from './main.js';
import { Refused } from './refused.js';

export interface DocIdRequest {
  readonly root: string;
  /** Empty: history alone is asked. */
  readonly index: string;
  readonly under: readonly string[];
  readonly write: boolean;
}

/** What became of one file that has none. */
interface Lost {
  readonly path: string;
  readonly doc_id: string;
  /** `index`, or the commit in which it stood last. */
  readonly from: string;
  readonly state: 'restored' | 'would be restored' | 'claimed twice' | 'not restored';
  readonly reason: string | null;
}

const ID = /[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+/;
const WHOLE_ID = new RegExp(`^${ID.source}$`);
/** In a line at the top: a comment of any language, or front matter. */
const LINE = new RegExp(`^\\W{0,8}doc_id\\W{1,6}(${ID.source})\\b.*$`, 'i');
const TOP_LINES = 20;
const MAX_BYTES = 4 * 1024 * 1024;

/** Finds the id in a text, and the line that holds it. */
export function docIdIn(path: string, text: string): { readonly id: string; readonly line: string } | null {
  if (/\.json$/i.test(path)) {
    const id = jsonId(text);
    if (id !== null) return { id, line: '' };
  }
  for (const line of text.split(/\r?\n/, TOP_LINES)) {
    const found = LINE.exec(line);
    if (found !== null) return { id: found[1]!, line };
  }
  return null;
}

function jsonId(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'doc_id')) return null;
    const id = (value as { readonly doc_id: unknown }).doc_id;
    return typeof id === 'string' && WHOLE_ID.test(id) ? id : null;
  } catch {
    return null;
  }
}

/** Returns the text with its id; null where nobody can know how to write it there. */
export function withDocId(path: string, text: string, id: string, line: string): string | null {
  if (/\.json$/i.test(path) && line === '') {
    try {
      const value: unknown = JSON.parse(text);
      if (
        typeof value !== 'object' ||
        value === null ||
        Array.isArray(value) ||
        Object.hasOwn(value, 'doc_id')
      )
        return null;
    } catch {
      return null;
    }
    return editJson(text, [{ kind: 'add', path: [], key: 'doc_id', value: id, at: 'front', why: '' }]);
  }
  const own = line === '' ? commentFor(path, id) : line;
  if (own === null) return null;
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  // What a kernel or a parser reads in the first line stays there.
  const first = /^(#!|<\?|---$|%YAML)/m.exec(text)?.index === 0 ? text.indexOf('\n') + 1 : 0;
  return `${text.slice(0, first)}${own}${eol}${text.slice(first)}`;
}

const COMMENTS: readonly (readonly [RegExp, (id: string) => string])[] = [
  [/\.(py|sh|ya?ml|toml|ps1|rb)$/i, (id) => `# DOC_ID: ${id}`],
  [/\.([cm]?[jt]sx?|go|rs|c|h|cpp|java|cs)$/i, (id) => `// DOC_ID: ${id}`],
  [/\.(md|html?|xml)$/i, (id) => `<!-- DOC_ID: ${id} -->`],
];
const commentFor = (path: string, id: string): string | null =>
  COMMENTS.find(([form]) => form.test(path))?.[1](id) ?? null;

/** Looks for lost ids, and gives them back when told to write. Files with an id are never touched. */
export async function restoreDocIds(asked: DocIdRequest, world: RepoWorld): Promise<Done> {
  const repository = await openRepository(resolve(world.cwd, asked.root));
  const top = repository.workTree;
  if (top === null) throw new Refused(`"${asked.root}" has no files: it is a bare repository`);
  const index = await indexOf(asked.index, world.cwd);
  const paths = await trackedFiles(repository, asked.under);
  const owners = new Map<string, string>();
  const lacking: { readonly path: string; readonly text: string }[] = [];
  for (const path of paths) {
    const text = await textOf(join(top, path));
    if (text === null) continue;
    const own = docIdIn(path, text);
    if (own === null) lacking.push({ path, text });
    else owners.set(own.id, path);
  }
  const history = await idsInHistory(repository, new Set(lacking.map(({ path }) => path)));
  const lost: Lost[] = [];
  for (const { path, text } of lacking) {
    const known = index.has(path) ? { id: index.get(path)!, line: '', from: 'index' } : history.get(path);
    if (known === undefined) continue;
    const { id, line, from } = known;
    const told = (state: Lost['state'], reason: string | null): Lost => ({
      path,
      doc_id: id,
      from,
      state,
      reason,
    });
    const owner = owners.get(id);
    const mended = withDocId(path, text, id, line);
    if (owner !== undefined) lost.push(told('claimed twice', `${owner} has it`));
    else if (mended === null)
      lost.push(told('not restored', 'how an id is written in such a file is not known'));
    else {
      owners.set(id, path);
      if (asked.write) await writeAtomically(join(top, path), mended);
      lost.push(told(asked.write ? 'restored' : 'would be restored', null));
    }
  }
  const count = (state: Lost['state']): number => lost.filter((one) => one.state === state).length;
  const counts = {
    checked: paths.length,
    without: lacking.length,
    ...{ restored: count('restored'), would_be_restored: count('would be restored') },
    ...{ claimed_twice: count('claimed twice'), not_restored: count('not restored') },
  };
  const found = `${lost.length} of ${paths.length} files ${lost.length === 1 ? 'has' : 'have'} lost the doc id`;
  const back = asked.write ? `${counts.restored} restored` : `${counts.would_be_restored} can be restored`;
  const summary = `${found}, ${back}`;
  for (const { path, state, doc_id: id, reason } of lost)
    if (state === 'claimed twice') world.say(`${path}: ${id} is not given back, because ${reason}`);
  return {
    exitCode: counts.claimed_twice > 0 ? 1 : 0,
    report: { ...counts, summary, lost: lost.slice(0, 20), listed: Math.min(20, lost.length) },
  };
}

async function indexOf(file: string, cwd: string): Promise<ReadonlyMap<string, string>> {
  if (file === '') return new Map();
  let read: unknown;
  try {
    read = JSON.parse(await readFile(resolve(cwd, file), 'utf8'));
  } catch (error) {
    throw new Refused(`the index "${file}" cannot be read: ${(error as Error).message}`);
  }
  const entries =
    typeof read === 'object' && read !== null && !Array.isArray(read) ? Object.entries(read) : null;
  const wrong = entries?.find(([, id]) => typeof id !== 'string' || !WHOLE_ID.test(id));
  if (entries === null || wrong !== undefined)
    throw new Refused(
      `the index "${file}" must be an object of paths and ids such as {"a.md": "DOC-GUIDE-A-001"}${wrong === undefined ? '' : `; that of "${wrong[0]}" is none`}`,
    );
  return new Map(entries as [string, string][]);
}

async function trackedFiles(repository: Repository, under: readonly string[]): Promise<readonly string[]> {
  // Names are taken as they are, without patterns: `environment.ts`.
  const scope = under.filter((path) => path !== '');
  const answer = await gitIn(repository, ['ls-files', '-z', '--full-name', '--', ...scope]);
  return answer.stdout
    .toString('utf8')
    .split('\0')
    .filter((path) => path !== '' && !path.includes('\ufffd'));
}

/** Returns a text that an id may stand in; null for links, binaries and what is very large. */
async function textOf(path: string): Promise<string | null> {
  const found = await lstat(path).catch(() => null);
  if (found === null || !found.isFile() || found.size > MAX_BYTES) return null;
  const bytes = await readFile(path);
  return bytes.includes(0) ? null : bytes.toString('utf8');
}

interface Known {
  readonly id: string;
  readonly line: string;
  readonly from: string;
}

/** Reads the lines with ids that history took away, newest first: of each file the first counts. */
async function idsInHistory(
  repository: Repository,
  paths: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Known>> {
  const found = new Map<string, Known>();
  if (paths.size === 0) return found;
  const answer = await gitIn(repository, [
    ...[
      'log',
      '--format=%x00%H',
      '-p',
      '--unified=0',
      '--no-color',
      '--no-ext-diff',
      '--no-textconv',
      '--no-renames',
    ],
    ...['--src-prefix=a/', '--dst-prefix=b/', '-i', '-Gdoc_id', 'HEAD', '--'],
  ]);
  let commit = '';
  let path = '';
  for (const row of answer.stdout.toString('utf8').split('\n')) {
    if (row.startsWith('\0')) commit = row.slice(1);
    else if (row.startsWith('--- ')) path = row.startsWith('--- a/') ? row.slice('--- a/'.length) : '';
    else if (row.startsWith('-') && paths.has(path) && !found.has(path)) {
      const line = row.slice(1).replace(/\r$/, '');
      const id = LINE.exec(line)?.[1];
      if (id !== undefined)
        found.set(path, { id, line: /\.json$/i.test(path) && /^\s*"/.test(line) ? '' : line, from: commit });
    }
  }
  return found;
}
