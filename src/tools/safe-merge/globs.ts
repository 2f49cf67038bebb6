/**
 * Patterns of file names, matched in time linear in pattern × path: a policy file cannot make a merge hang.
 *
 * `?` is one character and `*` any number of them, neither a `/`; `[ab]`, `[a-z]`, `[!a]` one of a set; `**` as a whole
 * part is any number of directories. A pattern without `/` matches a file or directory of that name anywhere, one with
 * `/` from the top; a directory stands for all that is in it. Names that open with a dot are names like any other, and
 * upper case is not lower case.
 */

type Token = { readonly kind: 'star' } | { readonly kind: 'one'; readonly fits: (char: string) => boolean };
interface NameMatcher {
  (name: string): boolean;
  readonly mayEndIn: (ending: string) => boolean;
}
type Part = 'any-directories' | NameMatcher;

export interface Glob {
  readonly text: string;
  readonly matches: (path: string) => boolean;
  /** Whether a name that ends so can match: where no directory above it does. `false` is certain. */
  readonly mayEndIn: (ending: string) => boolean;
  /** For a pattern of one name: whether a file or directory of that name, anywhere, is meant. Else null. */
  readonly name: ((name: string) => boolean) | null;
}

/** Why a text is no pattern. */
export class BadGlob extends Error {
  override readonly name = 'BadGlob';
}

const MAX_LENGTH = 200;

/**
 * Reads a pattern.
 *
 * @throws BadGlob
 */
export function glob(text: string): Glob {
  if (text === '') throw new BadGlob('it is empty');
  if (text.length > MAX_LENGTH) throw new BadGlob(`it is longer than ${MAX_LENGTH} characters`);
  const trimmed = text.replace(/\/\*\*$/, '').replace(/\/$/, ''); // a directory stands for what is in it
  const fromTop = trimmed.includes('/');
  const names = trimmed.replace(/^\//, '').split('/');
  if (names.some((name) => name === '' || name === '.' || name === '..')) {
    throw new BadGlob('it has an empty part, "." or ".."');
  }
  const parts = names.map((name): Part => (name === '**' ? 'any-directories' : matcherOf(name)));
  const anchored: readonly Part[] = fromTop ? parts : ['any-directories', ...parts];
  const [only] = parts;
  // By far the most patterns are one name: no need to look at every way to split the path.
  if (!fromTop && only !== undefined && only !== 'any-directories') {
    return {
      text,
      name: only,
      matches: (path) => path.split('/').some((part) => only(part)),
      mayEndIn: only.mayEndIn,
    };
  }
  const last = anchored.at(-1);
  return {
    text,
    name: null,
    matches: (path) => partsMatch(anchored, path.split('/')),
    mayEndIn: (ending) => last === undefined || last === 'any-directories' || last.mayEndIn(ending),
  };
}

/** Most patterns are `name`, `*.ending` or `beginning*`, and are asked about every file of a repository. */
function matcherOf(pattern: string): NameMatcher {
  if (/[?[]/.test(pattern)) {
    const read = tokens(pattern);
    return matcher(
      (name) => nameMatches(read, name),
      (ending) => mayEnd(read, ending),
    );
  }
  const [first = '', ...more] = pattern.split('*');
  const last = more.pop();
  if (last === undefined) {
    return matcher(
      (name) => name === pattern,
      (ending) => pattern.endsWith(ending),
    );
  }
  const between = more.filter((text) => text !== '');
  const endsAsWritten = (ending: string): boolean => ending.endsWith(last) || last.endsWith(ending);
  if (between.length > 0) return matcher((name) => hasInOrder(name, first, between, last), endsAsWritten);
  if (first === '') return matcher((name) => name.endsWith(last), endsAsWritten);
  return matcher(
    (name) => name.length >= first.length + last.length && name.startsWith(first) && name.endsWith(last),
    endsAsWritten,
  );
}

/** Each text where it is first found behind the one before it: if they fit at all, they fit so. */
function hasInOrder(name: string, first: string, between: readonly string[], last: string): boolean {
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const text of between) {
    const found = name.indexOf(text, at);
    if (found < 0) return false;
    at = found + text.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** `*.[pP][nN][gG]`: most names are out at their last characters. */
function mayEnd(pattern: readonly Token[], ending: string): boolean {
  for (let back = 1; back <= ending.length; back += 1) {
    const token = pattern[pattern.length - back];
    const unit = ending[ending.length - back] as string;
    // Half of a pair (emoji) is no character: who sees one knows no more.
    if (token?.kind === 'star' || /[\ud800-\udfff]/.test(unit)) return true;
    if (token?.fits(unit) !== true) return false;
  }
  return true;
}

const matcher = (matches: (name: string) => boolean, mayEndIn: (ending: string) => boolean): NameMatcher =>
  Object.assign(matches, { mayEndIn });

function tokens(name: string): Token[] {
  const found: Token[] = [];
  const chars = [...name];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] as string;
    if (char === '*') {
      if (found.at(-1)?.kind !== 'star') found.push({ kind: 'star' });
    } else if (char === '?') {
      found.push({ kind: 'one', fits: () => true });
    } else if (char === '[') {
      const end = chars.indexOf(']', at + 2);
      if (end < 0) throw new BadGlob('a "[" has no "]"');
      found.push({ kind: 'one', fits: oneOf(chars.slice(at + 1, end)) });
      at = end;
    } else {
      found.push({ kind: 'one', fits: (other) => other === char });
    }
  }
  return found;
}

function oneOf(chars: readonly string[]): (char: string) => boolean {
  const inverted = chars[0] === '!';
  const set = inverted ? chars.slice(1) : chars;
  return (char) => {
    let found = false;
    for (let at = 0; at < set.length; at += 1) {
      const from = set[at] as string;
      const to = set[at + 1] === '-' ? set[at + 2] : undefined;
      if (to !== undefined) at += 2;
      if (to === undefined ? char === from : char >= from && char <= to) found = true;
    }
    return found !== inverted;
  };
}

/** Matches from left to right; on a mismatch only the last star takes one character more. */
function nameMatches(pattern: readonly Token[], name: string): boolean {
  const chars = [...name];
  let at = 0;
  let token = 0;
  let star = -1;
  let starAt = 0;
  while (at < chars.length) {
    const next = pattern[token];
    if (next?.kind === 'one' && next.fits(chars[at] as string)) {
      at += 1;
      token += 1;
    } else if (next?.kind === 'star') {
      star = token;
      starAt = at;
      token += 1;
    } else if (star >= 0) {
      starAt += 1;
      at = starAt;
      token = star + 1;
    } else {
      return false;
    }
  }
  while (pattern[token]?.kind === 'star') token += 1;
  return token === pattern.length;
}

/** The same over whole names; the pattern may end before the path does: then it matched a directory. */
function partsMatch(pattern: readonly Part[], names: readonly string[]): boolean {
  let at = 0;
  let part = 0;
  let star = -1;
  let starAt = 0;
  for (;;) {
    if (part === pattern.length) return true;
    const next = pattern[part] as Part;
    const name = names[at];
    if (next === 'any-directories') {
      star = part;
      starAt = at;
      part += 1;
      if (part === pattern.length) return at < names.length; // `a/**`: what is in it
    } else if (name !== undefined && next(name)) {
      at += 1;
      part += 1;
    } else if (star >= 0 && starAt < names.length) {
      starAt += 1;
      at = starAt;
      part = star + 1;
    } else {
      return false;
    }
  }
}
