/**
 * Text with the marks of a conflict in it, as git writes them.
 */
import { createHash } from 'node:crypto';

const MARK = /^(<{7}|>{7}|\|{7})( |$)/;
const MIDDLE = '=======';

/** Tells whether `text` has marks that none of the versions it was made of has: a file may show how a conflict looks. */
export function hasMarks(text: string, versions: readonly string[]): boolean {
  const known = new Set(versions.flatMap(linesOf));
  return linesOf(text).some((line) => (MARK.test(line) || line === MIDDLE) && !known.has(line));
}

const linesOf = (text: string): string[] => text.split('\n').map((line) => line.replace(/\r$/, ''));

export interface MarkedText {
  /** The text with plain marks, the two sides of each conflict in one order: the same whoever merges into whom. */
  readonly image: string;
  /** Names what is in conflict, not what is around it. */
  readonly key: string;
}

/** Reads marked text; null when its marks make no whole conflicts. */
export function readMarked(text: string): MarkedText | null {
  const image: string[] = [];
  const hash = createHash('sha256');
  let sides: [string[], string[]] | null = null;
  let at: 'ours' | 'base' | 'theirs' = 'ours';
  let found = 0;
  for (const line of text.split('\n')) {
    const mark = /^(<{7}|>{7}|\|{7})( |\r?$)/.exec(line)?.[1]?.[0];
    if (sides === null) {
      if (mark === '<') {
        sides = [[], []];
        at = 'ours';
      } else if (mark !== undefined) return null;
      else image.push(line);
    } else if (mark === '<') return null;
    else if (mark === '|') at = 'base';
    else if (line.replace(/\r$/, '') === MIDDLE) at = 'theirs';
    else if (mark === '>') {
      const [first, second] = sides.map((side) => side.join('\n')).sort() as [string, string];
      hash.update(`${first}\0${second}\0`);
      image.push('<<<<<<<', first, MIDDLE, second, '>>>>>>>');
      sides = null;
      found += 1;
    } else if (at !== 'base') sides[at === 'ours' ? 0 : 1].push(line);
  }
  return sides === null && found > 0 ? { image: image.join('\n'), key: hash.digest('hex') } : null;
}
