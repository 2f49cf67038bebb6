/**
 * The text of a plan file as a value with places: JSON or YAML, one interface for both.
 */
import { quote } from '../quote.js';
import { readJson } from './json-source.js';
import { placesIn } from './places.js';
import type { Fault, Source } from './source-text.js';

/** Characters. YAML takes fifty times as long to read, and memory to match. */
const MAX_LENGTH = { json: 16 * 1024 * 1024, yaml: 1024 * 1024 } as const;

const SAVE_AS = 'save the file as UTF-8 (in most editors: "Save with encoding")';

/**
 * Reads the text of a plan file. Never throws: what is wrong comes back as faults.
 *
 * The file's extension says what it is (.json, .yaml, .yml), else its first character does.
 */
export async function readSource(file: string, text: string): Promise<Source> {
  const kind = kindOf(file, text);
  const limit = MAX_LENGTH[kind];
  if (text.length > limit) {
    const size = `${(text.length / 1024 / 1024).toFixed(1)} MB`;
    return unusable(
      'too-large',
      `this file has ${size}; a plan in ${kind.toUpperCase()} may have ${limit / 1024 / 1024} MB`,
      null,
    );
  }
  const encoding = encodingFault(text);
  if (encoding !== null) return unusable('encoding', encoding, SAVE_AS);
  // A byte order mark is no part of the document; editors do not count it as a column either.
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  const source =
    kind === 'json' ? await readJson(body) : await (await import('./yaml-source.js')).readYaml(body);
  const odd = body.indexOf('\ufffd');
  if (odd < 0) return source;
  const fault: Fault = {
    code: 'encoding',
    severity: 'warning',
    place: placesIn(body)(odd),
    message: 'here is a character that stands for bytes which are not UTF-8',
    hint: SAVE_AS,
  };
  return { ...source, faults: [...source.faults, fault] };
}

function kindOf(file: string, text: string): 'json' | 'yaml' {
  if (/\.json$/i.test(file)) return 'json';
  if (/\.ya?ml$/i.test(file)) return 'yaml';
  return /^\ufeff?\s*[{[]/.test(text) ? 'json' : 'yaml';
}

function encodingFault(text: string): string | null {
  // What the byte order marks of UTF-16 become when they are read as UTF-8, and the half of each of its letters.
  if (text.startsWith('\ufffd\ufffd')) return 'this file is not UTF-8; it looks like UTF-16';
  const nul = text.indexOf('\0');
  if (nul < 0) return null;
  const isUtf16 = nul <= 1 || text[nul + 2] === '\0';
  return isUtf16
    ? 'this file is not UTF-8; it looks like UTF-16'
    : `this file has a NUL byte after ${quote(text.slice(Math.max(0, nul - 20), nul))}; a plan is text`;
}

function unusable(code: Fault['code'], message: string, hint: string | null): Source {
  const place = { line: 1, column: 1 };
  return {
    usable: false,
    length: 0,
    value: undefined,
    faults: [{ code, severity: 'error', place, message, hint }],
    locate: async () => () => place,
  };
}
