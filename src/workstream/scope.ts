/**
 * The files a workstream may touch: which paths an entry covers, and whether two entries have a path in common.
 *
 * A path that ends in "/" is a directory with all below it. In a pattern `*` and `?` stay inside one part, `[ab]` is one
 * of a set, and `**` as a whole part is any number of directories. Letter case counts. `app/[id].ts` covers a file
 * of exactly that name too: brackets occur in real names.
 *
 * A plain path without "/" at its end may be a directory all the same: whoever owns it may write below it. For
 * collisions it is taken as written, as one file; otherwise sets that are in use would be held apart for nothing.
 */

type Token = { readonly kind: 'star' } | { readonly kind: 'one'; readonly fits: Fits };
/** The characters one place takes: a text of them, or null for any. */
type Fits = {
  readonly only: string | null;
  readonly ranges: readonly [string, string][];
  readonly inverted: boolean;
};
type Part = 'any-directories' | readonly Token[];
type Pattern = readonly Part[];

/** Why a text is no path of a repository. */
export type PathFault = 'empty' | 'absolute' | 'climbs' | 'inside-git' | 'control-character' | 'too-long';

/** Longer names fit no file system; patterns are compared in time that grows with both. */
const MAX_LENGTH = 1_000;

/** Returns the path with "/" only and no slashes or "." around and inside; `""` is the whole repository. */
export function normalPath(path: string): string {
  return path
    .replaceAll('\\', '/')
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** Says why a path cannot be in a scope, or null. */
export function pathFault(path: string): PathFault | null {
  if (path.trim() === '') return 'empty';
  if (path.length > MAX_LENGTH) return 'too-long';

  if (/[\u0000-\u001f\u007f]/.test(path)) return 'control-character';
  if (/^([/\\~]|[A-Za-z]:)/.test(path)) return 'absolute';
  const parts = normalPath(path).split('/');
  if (parts.includes('..')) return 'climbs';
  // Whatever the file system does with letter case, nothing below .git is a tool's.
  return parts.some((part) => part.toLowerCase() === '.git') ? 'inside-git' : null;
}

/** Says whether an entry of a scope covers a path of the repository. */
export function covers(entry: string, path: string): boolean {
  const literal = normalPath(path).split('/').map(literalPart);
  return patternsOf(entry, 'owns-below').some((pattern) => intersects(pattern, literal));
}

/** Says whether two entries, each as written, claim a path in common. */
export function overlaps(a: string, b: string): boolean {
  const left = patternsOf(a, 'as-written');
  const right = patternsOf(b, 'as-written');
  return left.some((one) => right.some((other) => intersects(one, other)));
}

/** How a plain path without "/" at its end is read. */
type Reading = 'owns-below' | 'as-written';

const cache = new Map<string, readonly Pattern[]>();
/** Entries are compared pair by pair, so each is read many times; a set larger than this starts afresh. */
const MAX_CACHED = 10_000;

function patternsOf(entry: string, reading: Reading): readonly Pattern[] {
  const key = `${reading} ${entry}`;
  let patterns = cache.get(key);
  if (patterns === undefined) {
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(key, (patterns = readPatterns(entry, reading)));
  }
  return patterns;
}

function readPatterns(entry: string, reading: Reading): readonly Pattern[] {
  const normal = normalPath(entry);
  const names = normal === '' ? [] : normal.split('/');
  const isDirectory = normal === '' || /[/\\]$/.test(entry);
  const below: Pattern = isDirectory ? ['any-directories'] : [];
  const plain: Pattern = [
    ...names.map(literalPart),
    ...(reading === 'owns-below' ? (['any-directories'] as const) : below),
  ];
  if (!/[*?[]/.test(normal)) return [plain];
  const pattern = names.map((name): Part => (name === '**' ? 'any-directories' : tokensOf(name)));
  return normal.includes('[') ? [[...pattern, ...below], plain] : [[...pattern, ...below]];
}

const ANY: Fits = { only: null, ranges: [], inverted: false };
const literalPart = (name: string): Part =>
  Array.from(name, (char) => ({ kind: 'one', fits: { only: char, ranges: [], inverted: false } }) as const);

function tokensOf(name: string): Token[] {
  const tokens: Token[] = [];
  const chars = [...name];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at]!;
    const end = char === '[' ? chars.indexOf(']', at + 2) : -1;
    if (char === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (char === '?') {
      tokens.push({ kind: 'one', fits: ANY });
    } else if (end > 0) {
      tokens.push({ kind: 'one', fits: classOf(chars.slice(at + 1, end)) });
      at = end;
    } else {
      tokens.push({ kind: 'one', fits: { only: char, ranges: [], inverted: false } });
    }
  }
  return tokens;
}

function classOf(chars: readonly string[]): Fits {
  const inverted = chars[0] === '!' || chars[0] === '^';
  const set = inverted ? chars.slice(1) : chars;
  const ranges: [string, string][] = [];
  for (let at = 0; at < set.length; at += 1) {
    const isRange = set[at + 1] === '-' && set[at + 2] !== undefined;
    ranges.push([set[at]!, isRange ? set[at + 2]! : set[at]!]);
    if (isRange) at += 2;
  }
  return { only: null, ranges, inverted };
}

/** Says whether some path fits both patterns. */
function intersects(a: Pattern, b: Pattern): boolean {
  return meet(a, b, {
    isMany: (part) => part === 'any-directories',
    fit: (one, other) => meet(one as readonly Token[], other as readonly Token[], LETTERS),
  });
}

interface Alphabet<Item> {
  /** Stands for any number of items, none included. */
  readonly isMany: (item: Item) => boolean;
  readonly fit: (one: Item, other: Item) => boolean;
}

const LETTERS: Alphabet<Token> = {
  isMany: (token) => token.kind === 'star',
  fit: (one, other) => one.kind === 'one' && other.kind === 'one' && charsMeet(one.fits, other.fits),
};

/** Two sequences with "any number" in them: from the ends back, so that nothing is looked at twice. */
function meet<Item>(a: readonly Item[], b: readonly Item[], { isMany, fit }: Alphabet<Item>): boolean {
  // below[j]: can the rest of `a` after this row and the rest of `b` from j on be the same?
  let below: boolean[] = [];
  for (let i = a.length; i >= 0; i -= 1) {
    const row: boolean[] = [];
    for (let j = b.length; j >= 0; j -= 1) {
      const one = a[i];
      const other = b[j];
      if (i === a.length && j === b.length) row[j] = true;
      else if (i < a.length && isMany(one!)) row[j] = below[j]! || (j < b.length && row[j + 1]!);
      else if (j < b.length && isMany(other!)) row[j] = row[j + 1]! || (i < a.length && below[j]!);
      else row[j] = i < a.length && j < b.length && below[j + 1]! && fit(one!, other!);
    }
    below = row;
  }
  return below[0]!;
}

function charsMeet(a: Fits, b: Fits): boolean {
  if (a.only !== null) return takes(b, a.only);
  if (b.only !== null) return takes(a, b.only);
  // Two sets: that they have nothing in common is not worth finding out. Saying "they meet" only serialises.
  return true;
}

function takes(fits: Fits, char: string): boolean {
  if (fits.only !== null) return fits.only === char;
  if (fits.ranges.length === 0) return true;
  return fits.ranges.some(([from, to]) => char >= from && char <= to) !== fits.inverted;
}

/** The files a workstream may write. */
export interface Scope {
  readonly filesScope: readonly string[];
  readonly filesCreate: readonly string[];
}

export const entriesOf = ({ filesScope, filesCreate }: Scope): readonly string[] => [
  ...filesScope,
  ...filesCreate,
];

/** Says whether a workstream may change a path that is there already, or create it. */
export const mayWrite = (scope: Scope, path: string): boolean =>
  entriesOf(scope).some((entry) => covers(entry, path));

/** Returns the pairs of entries that two scopes have a path in common through. */
export function sharedEntries(a: Scope, b: Scope): [string, string][] {
  const pairs: [string, string][] = [];
  for (const one of new Set(entriesOf(a))) {
    for (const other of new Set(entriesOf(b))) if (overlaps(one, other)) pairs.push([one, other]);
  }
  return pairs;
}
