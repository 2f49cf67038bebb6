/**
 * What keeps a patch from being taken in, looked for in the list of what it changes. The list comes from git's raw diff of two
 * trees, not from the text of a patch, and not from the tool.
 */
import type { PatchConstraints } from './constraints.js';
import { covers, entriesOf, normalPath, type Scope } from './scope.js';

/** One changed path. A rename is two entries: the old path deleted, the new one added. */
export interface ChangedEntry {
  readonly path: string;
  readonly change: 'added' | 'deleted' | 'modified';
  /** git's modes in octal, `000000` where there is none. */
  readonly oldMode: string;
  readonly newMode: string;
  readonly addedLines: number;
  readonly removedLines: number;
  readonly isBinary: boolean;
  /** Of the file after the change; 0 when it is deleted. */
  readonly bytes: number;
  /** Where a symbolic link points; null for all else. */
  readonly linkTarget: string | null;
}

export type Refusal =
  | {
      readonly reason: 'bad-path';
      readonly path: string;
      readonly fault: 'absolute' | 'climbs' | 'empty' | 'control-character' | 'reserved-name';
    }
  | { readonly reason: 'inside-git'; readonly path: string }
  | { readonly reason: 'out-of-scope'; readonly path: string; readonly change: ChangedEntry['change'] }
  | { readonly reason: 'create-not-allowed'; readonly path: string }
  | { readonly reason: 'forbidden-path'; readonly path: string; readonly pattern: string }
  | { readonly reason: 'symlink-escapes'; readonly path: string; readonly target: string }
  | { readonly reason: 'below-symlink'; readonly path: string; readonly link: string }
  | { readonly reason: 'submodule'; readonly path: string }
  | { readonly reason: 'git-configuration'; readonly path: string }
  | { readonly reason: 'unknown-mode'; readonly path: string; readonly mode: string }
  | { readonly reason: 'case-clash'; readonly path: string; readonly other: string }
  | { readonly reason: 'test-deleted'; readonly path: string }
  | { readonly reason: 'tests-missing'; readonly path: string; readonly tests: string }
  | { readonly reason: 'binary'; readonly path: string }
  | {
      readonly reason: 'file-too-large';
      readonly path: string;
      readonly bytes: number;
      readonly most: number;
    }
  | { readonly reason: 'too-many-lines'; readonly lines: number; readonly most: number }
  | { readonly reason: 'too-many-files'; readonly files: number; readonly most: number };

const LINK = '120000';
const SUBMODULE = '160000';
const FILES: ReadonlySet<string> = new Set(['100644', '100755']);

/** Files by which a repository changes what git itself does: each must be in the scope by its own name. */
const GIT_FILES: ReadonlySet<string> = new Set([
  '.gitmodules',
  '.gitattributes',
  '.gitconfig',
  '.lfsconfig',
  '.mailmap',
]);

/** Returns everything that is wrong with a patch; an empty list: it may be taken in. */
export function checkPatch(
  entries: readonly ChangedEntry[],
  scope: Scope,
  constraints: PatchConstraints,
): readonly Refusal[] {
  return [
    ...entries.flatMap((entry) => checkEntry(entry, scope, constraints)),
    ...checkTogether(entries),
    ...checkSize(entries, constraints),
    ...checkTests(entries, constraints),
  ];
}

function checkEntry(entry: ChangedEntry, scope: Scope, constraints: PatchConstraints): Refusal[] {
  const { path, change, newMode, oldMode } = entry;
  const fault = pathProblem(path);
  if (fault !== null) return [fault];
  const refusals: Refusal[] = [];
  const inScope = entriesOf(scope).some((allowed) => covers(allowed, path));
  const inOwn = scope.filesScope.some((allowed) => covers(allowed, path));
  if (!inScope) refusals.push({ reason: 'out-of-scope', path, change });
  else if (change !== 'added' && !inOwn) refusals.push({ reason: 'create-not-allowed', path });

  const isNamed = entriesOf(scope).some((allowed) => normalPath(allowed) === path);
  const pattern = constraints.forbidden.find((forbidden) => covers(forbidden, path));
  if (pattern !== undefined) refusals.push({ reason: 'forbidden-path', path, pattern });
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  if (GIT_FILES.has(name) && !isNamed) refusals.push({ reason: 'git-configuration', path });
  if (change === 'deleted' && isTest(path, constraints) && !isNamed)
    refusals.push({ reason: 'test-deleted', path });
  if (newMode === SUBMODULE || oldMode === SUBMODULE) refusals.push({ reason: 'submodule', path });
  else if (newMode === LINK) {
    const { linkTarget: target } = entry;
    if (target === null || leavesRepository(path, target))
      refusals.push({ reason: 'symlink-escapes', path, target: target ?? '' });
  } else if (change !== 'deleted' && !FILES.has(newMode)) {
    refusals.push({ reason: 'unknown-mode', path, mode: newMode });
  }
  if (entry.isBinary && !constraints.allowBinary) refusals.push({ reason: 'binary', path });
  const most = constraints.maxFileBytes;
  if (most !== null && entry.bytes > most)
    refusals.push({ reason: 'file-too-large', path, bytes: entry.bytes, most });
  return refusals;
}

/**
 * `.git` as other file systems see it: NTFS's short name and streams, HFS+'s ignored characters, trailing dots and blanks.
 * git refuses most of these in its index; what is not there cannot be checked out by anyone.
 */
function pathProblem(path: string): Refusal | null {
  if (path === '') return { reason: 'bad-path', path, fault: 'empty' };
  if (/^([/\\]|[A-Za-z]:[/\\])/.test(path)) return { reason: 'bad-path', path, fault: 'absolute' };

  if (/[\u0000-\u001f\u007f]/.test(path)) return { reason: 'bad-path', path, fault: 'control-character' };
  for (const part of path.split(/[/\\]/)) {
    if (part === '..' || part === '.') return { reason: 'bad-path', path, fault: 'climbs' };
    if (part === '') return { reason: 'bad-path', path, fault: 'empty' };
    const bare = part
      .replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, '')
      .replace(/:.*$/, '')
      .replace(/[. ]+$/, '')
      .toLowerCase();
    if (bare === '.git' || /^git~\d+$/.test(bare)) return { reason: 'inside-git', path };
    if (bare === '') return { reason: 'bad-path', path, fault: 'reserved-name' };
  }
  return null;
}

/** Says whether a link at `path` points out of the repository or into `.git`. */
function leavesRepository(path: string, target: string): boolean {
  if (target === '' || /^([/\\~]|[A-Za-z]:)/.test(target)) return true;
  const at = path.split('/').slice(0, -1);
  for (const part of target.split(/[/\\]/)) {
    if (part === '' || part === '.') continue;
    if (part !== '..') at.push(part);
    else if (at.pop() === undefined) return true;
  }
  return at.some((part) => part.toLowerCase() === '.git');
}

/** What only the whole list shows: a file written through a link of the same patch, names that are one on other systems. */
function checkTogether(entries: readonly ChangedEntry[]): Refusal[] {
  const refusals: Refusal[] = [];
  const present = entries.filter(({ change }) => change !== 'deleted');
  const links = new Set(present.filter(({ newMode }) => newMode === LINK).map(({ path }) => path));
  const folded = new Map<string, string>();
  for (const { path } of present) {
    const parts = path.split('/');
    for (let length = 1; length < parts.length; length += 1) {
      const link = parts.slice(0, length).join('/');
      if (links.has(link)) refusals.push({ reason: 'below-symlink', path, link });
    }
    const other = folded.get(path.toLowerCase());
    if (other !== undefined && other !== path) refusals.push({ reason: 'case-clash', path, other });
    else folded.set(path.toLowerCase(), path);
  }
  return refusals;
}

function checkSize(entries: readonly ChangedEntry[], { maxLines, maxFiles }: PatchConstraints): Refusal[] {
  const refusals: Refusal[] = [];
  const lines = entries.reduce((sum, { addedLines, removedLines }) => sum + addedLines + removedLines, 0);
  if (maxLines !== null && lines > maxLines)
    refusals.push({ reason: 'too-many-lines', lines, most: maxLines });
  const files = new Set(entries.map(({ path }) => path)).size;
  if (maxFiles !== null && files > maxFiles)
    refusals.push({ reason: 'too-many-files', files, most: maxFiles });
  return refusals;
}

const isTest = (path: string, { tests }: PatchConstraints): boolean =>
  tests.some((pattern) => covers(pattern, path));

function checkTests(entries: readonly ChangedEntry[], { testsRequired }: PatchConstraints): Refusal[] {
  return testsRequired.flatMap(({ changed, tests }) => {
    const code = entries.find(({ path }) => covers(changed, path) && !covers(tests, path));
    const hasTests = entries.some(({ path, change }) => change !== 'deleted' && covers(tests, path));
    return code === undefined || hasTests
      ? []
      : [{ reason: 'tests-missing', path: code.path, tests } as const];
  });
}

/** Says a refusal in a line. */
export function refusalText(refusal: Refusal): string {
  switch (refusal.reason) {
    case 'bad-path':
      return `"${refusal.path}" is no path of a repository (${refusal.fault})`;
    case 'inside-git':
      return `"${refusal.path}" is inside .git`;
    case 'out-of-scope':
      return `"${refusal.path}" (${refusal.change}) is outside the workstream's scope`;
    case 'create-not-allowed':
      return `"${refusal.path}" may be created, but it was there already and is not the workstream's`;
    case 'forbidden-path':
      return `"${refusal.path}" is forbidden by "${refusal.pattern}"`;
    case 'symlink-escapes':
      return `the link "${refusal.path}" points out of the repository: "${refusal.target}"`;
    case 'below-symlink':
      return `"${refusal.path}" would be written through the link "${refusal.link}"`;
    case 'submodule':
      return `"${refusal.path}" is a submodule`;
    case 'git-configuration':
      return `"${refusal.path}" changes how git works; name it in the scope if that is meant`;
    case 'unknown-mode':
      return `"${refusal.path}" has the mode ${refusal.mode}, which is no file`;
    case 'case-clash':
      return `"${refusal.path}" and "${refusal.other}" differ in letter case only`;
    case 'test-deleted':
      return `the test "${refusal.path}" was deleted; name it in the scope if that is meant`;
    case 'tests-missing':
      return `"${refusal.path}" was changed without a change in "${refusal.tests}"`;
    case 'binary':
      return `"${refusal.path}" is binary`;
    case 'file-too-large':
      return `"${refusal.path}" has ${refusal.bytes} bytes; it may have ${refusal.most}`;
    case 'too-many-lines':
      return `${refusal.lines} lines were changed; it may be ${refusal.most}`;
    case 'too-many-files':
      return `${refusal.files} files were changed; it may be ${refusal.most}`;
  }
}

/** What validation found, as the ledger keeps it. */
export interface Validation {
  readonly formatOk: boolean;
  readonly scopeOk: boolean;
  readonly constraintsOk: boolean;
  readonly testsRan: boolean;
  /** Null: none ran. */
  readonly testsPassed: boolean | null;
  readonly errors: readonly string[];
}

const SCOPE_REASONS: ReadonlySet<Refusal['reason']> = new Set([
  'out-of-scope',
  'create-not-allowed',
  'bad-path',
  'inside-git',
]);

/**
 * Puts together what is known of a patch.
 *
 * @param applies - it parses, and applies to its base in a dry run
 */
export function validationOf(
  applies: boolean,
  refusals: readonly Refusal[],
  tests: 'passed' | 'failed' | null,
): Validation {
  return {
    formatOk: applies,
    scopeOk: !refusals.some(({ reason }) => SCOPE_REASONS.has(reason)),
    constraintsOk: refusals.every(({ reason }) => SCOPE_REASONS.has(reason)),
    testsRan: tests !== null,
    testsPassed: tests === null ? null : tests === 'passed',
    errors: [...(applies ? [] : ['it does not apply to its own base']), ...refusals.map(refusalText)],
  };
}

export const isValid = (validation: Validation): boolean =>
  validation.formatOk && validation.scopeOk && validation.constraintsOk && validation.testsPassed !== false;
