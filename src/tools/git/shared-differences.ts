/**
 * How two looks at the shared state differ, in words for a person.
 */
import { MISSING, UNREADABLE } from './checkout-state.js';
import type { Difference, SharedKind, SharedState } from './shared-state.js';

/** A change of the shared state that was ours: facts that were, and what they became. */
export interface OwnChange {
  readonly before: Readonly<Record<string, string | null>>;
  readonly after: Readonly<Record<string, string | null>>;
}

/**
 * Returns what differs: first what can run programs, then what moved history, then files; each sorted by name. Only the
 * first are shown and kept, so that what does harm later must not hide behind a hundred files.
 *
 * @param own - changes of ours between the two, oldest first
 */
export function sharedDifferences(
  before: SharedState,
  after: SharedState,
  own: readonly OwnChange[] = [],
): Difference[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const found: Difference[] = [];
  for (const key of keys) {
    const [was, is] = [before[key] ?? null, after[key] ?? null];
    if (was === is || expected(key, was, own) === is) continue;
    const space = key.indexOf(' ');
    const kind = key.slice(0, space) as SharedKind;
    const name = key.slice(space + 1);
    const change = was === null ? 'added' : is === null ? 'removed' : 'changed';
    if (change === 'added' && isNewPatch(key)) continue; // of another attempt, perhaps
    found.push({
      kind,
      name,
      change,
      before: was,
      after: is,
      text: differenceText(kind, name, change, was, is),
    });
  }
  // A ref that moved says so itself.
  const moved = new Set(
    found.flatMap(({ kind, name }) => (kind === 'ref' ? [name] : kind === 'head' ? ['HEAD'] : [])),
  );
  return found
    .filter(({ kind, name }) => kind !== 'reflog' || !moved.has(name))
    .sort((one, other) => harmOf(one) - harmOf(other)); // stable: names stay in order
}

/** Settings by which a git command of the person's runs a program, takes in other settings, or talks to another place. */
const RUNS_OR_REDIRECTS = [
  /^core\.(askpass|attributesfile|editor|excludesfile|fsmonitor|gitproxy|hookspath|pager|sshcommand|worktree)$/,
  /^(alias|credential|difftool|filter|guitool|include|includeif|man|mergetool|pager|remote|submodule|trailer|url)\./,
  /^(diff|merge)\..+\.(command|driver|textconv)$/,
  /^(diff\.external|gpg\.(.+\.)?program|interactive\.difffilter|sequence\.editor)$/,
  /^of the person, /, // all settings of a file outside the repository
];

/** How early a person must see it; 0 comes first. */
function harmOf({ kind, name }: Pick<Difference, 'kind' | 'name'>): number {
  switch (kind) {
    case 'hook':
    case 'object':
      return 0;
    case 'config':
      return RUNS_OR_REDIRECTS.some((pattern) => pattern.test(name.toLowerCase())) ? 0 : 2;
    case 'git-file': // attributes, alternates, what makes the repository unreadable
    case 'head':
    case 'ref':
      return 1;
    case 'index':
    case 'reflog':
    case 'worktree':
      return 2;
    case 'checkout':
      return 3;
    default:
      return kind satisfies never;
  }
}

const isNewPatch = (key: string): boolean => /^ref refs\/planwright\/(patches|evidence)\/[^/]+\/./.test(key);

/** What a fact must be by now if nobody but we changed it. */
function expected(key: string, was: string | null, own: readonly OwnChange[]): string | null {
  let at = was;
  for (const { before, after } of own) {
    if (key in after && (before[key] ?? null) === at) at = after[key] ?? null;
  }
  return at;
}

const VERBS = {
  plain: { added: 'was added', changed: 'was changed', removed: 'was removed' },
  config: { added: 'was set', changed: 'was changed', removed: 'was unset' },
} as const;

/** Says a difference for a person. */
export function differenceText(
  kind: SharedKind,
  name: string,
  change: Difference['change'],
  before: string | null,
  after: string | null,
): string {
  const verb = VERBS.plain[change];
  switch (kind) {
    case 'ref':
      return `${refWord(name)} ${name} ${moveText(before, after)}`;
    case 'reflog':
      return `the reflog of ${name} ${verb}: it was moved and moved back, or rewritten`;
    case 'config':
      return `config ${name} ${VERBS.config[change]}`;
    case 'hook':
      return `hook ${name} ${verb}`;
    case 'head':
      return `HEAD of ${name} ${verb}`;
    case 'index':
      if (after === MISSING) return `the index of ${name} was deleted; it comes back with: git reset`;
      if (after === UNREADABLE)
        return `the index of ${name} cannot be read by git any more; rm it, then: git reset`;
      return `the index of ${name} ${verb}`;
    case 'git-file':
      return name.startsWith('unreadable ')
        ? `.git/${name.slice('unreadable '.length)} cannot be read by git any more`
        : `.git/${name} ${verb}`;
    case 'worktree':
      return `work tree ${name} ${verb}`;
    case 'object':
      return `the object .git/objects/${name} is not what its name says`;
    case 'checkout':
      // Known are only files that git does not have as they are: one that was not among them was written.
      return `the person's file ${name} ${after === MISSING ? 'was deleted' : change === 'added' ? 'was written' : verb}`;
    default:
      return kind satisfies never;
  }
}

function refWord(name: string): string {
  if (name === 'refs/stash') return 'the stash';
  if (name.startsWith('refs/heads/')) return 'branch';
  if (name.startsWith('refs/tags/')) return 'tag';
  return name.startsWith('refs/remotes/') ? 'remote-tracking branch' : 'ref';
}

const ID = /^[0-9a-f]{40,64}$/;

/** Returns the command that takes the move of a ref back, if the ref is still there; null: there is none. */
export function undoOf({ kind, name, before, after }: Difference): string | null {
  if (kind !== 'ref' || name === 'refs/stash') return null;
  if (![before, after].every((fact) => fact === null || ID.test(fact))) return null; // a symbolic one
  const [was, is] = [before ?? '', after ?? ''].map(short);
  if (before === null) return `git update-ref -d ${name} ${is}`;
  return after === null ? `git update-ref ${name} ${was} ''` : `git update-ref ${name} ${was} ${is}`;
}

const short = (fact: string): string => (ID.test(fact) ? fact.slice(0, 12) : fact);

function moveText(before: string | null, after: string | null): string {
  if (before === null) return `was made at ${short(after ?? '')}`;
  return after === null
    ? `was deleted (it was at ${short(before)})`
    : `moved from ${short(before)} to ${short(after)}`;
}
