/**
 * Reports as text. All are small but one: the class of every file of a repository.
 */
import type { Report } from './reasons.js';

/** The part of a report that may be long. It comes last, and no step reads it again: only people and other programs. */
export const LISTING = 'classifications';

/** Nothing in it needs to be written otherwise in JSON. */
const PLAIN = /^[ !#-[\]-~]*$/;

const BLOCK = 64 * 1024;

/** A map from path to word that is made into text without being made into an object first. */
export class Listing {
  readonly #blocks: Buffer[] = [];
  readonly #quoted = new Map<string, string>();
  #rows = '';

  /** Adds a path that is not in it yet. */
  add(path: string, word: string): void {
    let quoted = this.#quoted.get(word);
    if (quoted === undefined) this.#quoted.set(word, (quoted = JSON.stringify(word)));
    const comma = this.#rows === '' && this.#blocks.length === 0 ? '' : ',';
    this.#rows += `${comma}\n    ${PLAIN.test(path) ? `"${path}"` : JSON.stringify(path)}: ${quoted}`;
    if (this.#rows.length > BLOCK) this.#close();
  }

  /** As `JSON.stringify` would write it, two blanks deep; in parts, because it is long. */
  text(): readonly Buffer[] {
    this.#close();
    const isEmpty = this.#blocks.length === 0;
    return [Buffer.from('{'), ...this.#blocks, Buffer.from(isEmpty ? '}' : '\n  }')];
  }

  /** For a report that is printed. */
  toJSON(): unknown {
    return JSON.parse(Buffer.concat(this.text()).toString('utf8'));
  }

  /** Rows are kept as bytes: as they came they are many little pieces, which all are looked after. */
  #close(): void {
    if (this.#rows !== '') this.#blocks.push(Buffer.from(this.#rows));
    this.#rows = '';
  }
}

/** Returns a report as JSON for people to read. */
export function textOfReport(report: Report): string | Buffer {
  const { [LISTING]: listing, ...rest } = report;
  if (!(listing instanceof Listing)) return `${JSON.stringify(report, null, 2)}\n`;
  const head = `${JSON.stringify(rest, null, 2).slice(0, -2)},\n  "${LISTING}": `;
  return Buffer.concat([Buffer.from(head), ...listing.text(), Buffer.from('\n}\n')]);
}

const LONG = `,\n  "${LISTING}": {`;

/** Tells whether the beginning of a report says all that is read of it. */
export const isComplete = (beginning: string): boolean => beginning.includes(LONG);

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
