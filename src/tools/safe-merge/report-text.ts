/**
 * Reports as text. All are small but one: the class of every file of a repository.
 */
import type { Report } from './reasons.js';

/** The part of a report that may be long. It comes last, and no step reads it again: only people and other programs. */
export const LISTING = 'classifications';

/** Nothing in it needs to be written otherwise in JSON. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** A map from path to word that is made into text without being made into an object first. */
export class Listing {
  constructor(
    private readonly keys: readonly string[],
    private readonly words: readonly string[],
  ) {}

  /** For a report that is printed. */
  toJSON(): Record<string, string> {
    return Object.fromEntries(this.keys.map((key, at) => [key, this.words[at] ?? '']));
  }

  /** As `JSON.stringify` would write it, two blanks deep. */
  text(): string {
    if (this.keys.length === 0) return '{}';
    const quoted = new Map([...new Set(this.words)].map((word) => [word, JSON.stringify(word)]));
    const rows = this.keys.map(
      (key, at) =>
        `    ${PLAIN.test(key) ? `"${key}"` : JSON.stringify(key)}: ${quoted.get(this.words[at] ?? '') ?? ''}`,
    );
    return `{\n${rows.join(',\n')}\n  }`;
  }
}

/** Returns a report as JSON for people to read. */
export function textOfReport(report: Report): string {
  const { [LISTING]: listing, ...rest } = report;
  const text = JSON.stringify(rest, null, 2);
  return listing instanceof Listing
    ? `${text.slice(0, -2)},\n  "${LISTING}": ${listing.text()}\n}\n`
    : `${JSON.stringify(report, null, 2)}\n`;
}

const LONG = `,\n  "${LISTING}": {`;

/** Returns what a text of ours says but for the listing, which would take longest to read; null when it is no report. */
export function reportOf(text: string): Report | null {
  // A line break within a JSON text is written otherwise: this can only be the listing itself.
  const end = text.indexOf(LONG);
  try {
    const value: unknown = JSON.parse(end < 0 ? text : `${text.slice(0, end)}\n}`);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Report) : null;
  } catch {
    return null;
  }
}
