/**
 * The syntax of a variable's `pattern`: what all regular expressions have in common, less look-around and
 * back-references.
 */
import { quote } from '../quote.js';

/** Thrown for a pattern that is not one of ours; its message says why. */
export class Refused extends Error {}

/** Ranges of code points, ends included. */
export type Ranges = readonly (readonly [number, number])[];

/** A pattern as a tree. */
export type PatternNode =
  | { readonly kind: 'set'; readonly ranges: Ranges; readonly negated: boolean }
  | { readonly kind: 'edge'; readonly edge: 'start' | 'end' }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly branches: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly body: PatternNode; readonly least: number; readonly most: number };

const MAX_NESTING = 30;

const DIGIT: Ranges = [[0x30, 0x39]];
const WORD: Ranges = [...DIGIT, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const SPACE: Ranges = [[0x09, 0x0d], [0x20, 0x20], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000], [0xfeff, 0xfeff]]; // prettier-ignore
const LINE_ENDS: Ranges = [[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]]; // prettier-ignore
const CLASSES: Readonly<Record<string, Ranges>> = { d: DIGIT, w: WORD, s: SPACE };
const CONTROLS: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, f: 0x0c, v: 0x0b };

/** @throws Refused */
export const parsePattern = (text: string): PatternNode => new PatternParser(text).parse();

class PatternParser {
  private readonly points: readonly string[];
  private at = 0;
  private nesting = 0;

  constructor(text: string) {
    this.points = [...text];
  }

  parse(): PatternNode {
    const node = this.choice();
    if (this.at < this.points.length) this.refuse(`${quote(this.points[this.at]!)} closes nothing`);
    return node;
  }

  private choice(): PatternNode {
    const branches = [this.sequence()];
    while (this.take('|')) branches.push(this.sequence());
    return branches.length === 1 ? branches[0]! : { kind: 'choice', branches };
  }

  private sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.at < this.points.length && this.points[this.at] !== '|' && this.points[this.at] !== ')') {
      parts.push(this.repeated(this.atom()));
    }
    return { kind: 'sequence', parts };
  }

  private repeated(body: PatternNode): PatternNode {
    const counts = this.counts();
    if (counts === null) return body;
    this.take('?'); // "as few as possible" finds another match, but never another answer
    if (this.counts() !== null) this.refuse('a repetition is repeated; put the inner one into ( )');
    return { kind: 'repeat', body, least: counts[0], most: counts[1] };
  }

  private counts(): readonly [number, number] | null {
    if (this.take('*')) return [0, Infinity];
    if (this.take('+')) return [1, Infinity];
    if (this.take('?')) return [0, 1];
    const rest = this.points.slice(this.at, this.at + 16).join('');
    const braces = /^\{(\d{1,5})(,?)(\d{0,5})\}/.exec(rest);
    if (braces === null) return null;
    this.at += braces[0].length;
    const least = Number(braces[1]);
    const most = braces[2] === '' ? least : braces[3] === '' ? Infinity : Number(braces[3]);
    if (most < least) this.refuse(`${quote(braces[0])} has its numbers the wrong way round`);
    return [least, most];
  }

  private atom(): PatternNode {
    const point = this.points[this.at++]!;
    switch (point) {
      case '.':
        return { kind: 'set', ranges: LINE_ENDS, negated: true };
      case '^':
        return { kind: 'edge', edge: 'start' };
      case '$':
        return { kind: 'edge', edge: 'end' };
      case '[':
        return this.set();
      case '(':
        return this.group();
      case '\\':
        return this.escape();
      case '*':
      case '+':
      case '?':
        return this.refuse(`${quote(point)} repeats nothing; write \\${point} for the character`);
      default:
        return single(point.codePointAt(0)!);
    }
  }

  private group(): PatternNode {
    if (this.take('?') && !this.take(':')) {
      this.refuse('look-around and named groups, "(?…", are not known here; only ( ) and (?: )');
    }
    this.nesting += 1;
    if (this.nesting > MAX_NESTING) this.refuse(`groups are more than ${MAX_NESTING} levels deep`);
    const body = this.choice();
    this.nesting -= 1;
    if (!this.take(')')) this.refuse('"(" is not closed');
    return body;
  }

  private escape(): PatternNode {
    const ranges = this.escaped();
    return typeof ranges === 'number' ? single(ranges) : ranges;
  }

  /** After a backslash: a code point or a class. */
  private escaped(): number | (PatternNode & { kind: 'set' }) {
    const point = this.points[this.at++];
    if (point === undefined) return this.refuse('it ends in a lone "\\"');
    const ranges = Object.hasOwn(CLASSES, point.toLowerCase()) ? CLASSES[point.toLowerCase()]! : null;
    if (ranges !== null) return { kind: 'set', ranges, negated: point !== point.toLowerCase() };
    if (Object.hasOwn(CONTROLS, point)) return CONTROLS[point]!;
    if (point === 'x' || point === 'u') {
      const digits = this.points.slice(this.at, this.at + (point === 'x' ? 2 : 4)).join('');
      if (!/^([0-9a-fA-F]{2}){1,2}$/.test(digits))
        this.refuse(`"\\${point}" needs hexadecimal digits after it`);
      this.at += digits.length;
      return parseInt(digits, 16);
    }
    if (/[A-Za-z0-9]/.test(point)) this.refuse(`"\\${point}" is not known here`);
    return point.codePointAt(0)!;
  }

  private set(): PatternNode {
    const negated = this.take('^');
    const ranges: (readonly [number, number])[] = [];
    while (!this.take(']')) {
      const from = this.setMember();
      if (typeof from !== 'number') {
        if (from.negated) ranges.push(...inverse(from.ranges));
        else ranges.push(...from.ranges);
        continue;
      }
      const isRange = this.points[this.at] === '-' && this.points[this.at + 1] !== ']';
      if (isRange) this.at += 1;
      const to = isRange ? this.setMember() : from;
      if (typeof to !== 'number') return this.refuse('a range in [ ] ends in a class');
      if (to < from) this.refuse('a range in [ ] has its ends the wrong way round');
      ranges.push([from, to]);
    }
    return { kind: 'set', ranges, negated };
  }

  private setMember(): number | (PatternNode & { kind: 'set' }) {
    const point = this.points[this.at++];
    if (point === undefined) return this.refuse('"[" is not closed');
    return point === '\\' ? this.escaped() : point.codePointAt(0)!;
  }

  private take(point: string): boolean {
    if (this.points[this.at] !== point) return false;
    this.at += 1;
    return true;
  }

  private refuse(message: string): never {
    throw new Refused(message);
  }
}

const single = (point: number): PatternNode => ({ kind: 'set', ranges: [[point, point]], negated: false });

/** Returns all code points that are in none of the ranges. */
function inverse(ranges: Ranges): Ranges {
  const gaps: (readonly [number, number])[] = [];
  let next = 0;
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (from > next) gaps.push([next, from - 1]);
    next = Math.max(next, to + 1);
  }
  return [...gaps, [next, 0x10ffff]];
}
