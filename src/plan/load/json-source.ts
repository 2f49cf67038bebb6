/**
 * JSON with places. `JSON.parse` decides what is JSON; jsonc-parser, which is ten times slower, is asked only to say
 * where something is.
 */
import type { Node, ParseError } from 'jsonc-parser';
import { quote } from '../quote.js';
import { placesIn, type Locator, type PlanPath } from './places.js';
import { FORBIDDEN_KEY, MAX_DEPTH, MAX_KEYS, type Fault, type Source } from './source-text.js';

/** Reads strict JSON: no comments, no trailing commas, no key twice. */
export async function readJson(text: string): Promise<Source> {
  const locate = async () => locatorOf(text);
  const failed = (faults: Fault[]): Source => ({
    usable: false,
    length: text.length,
    value: undefined,
    faults,
    locate,
  });

  const structure = surveyText(text);
  if (structure.tooDeepAt !== null) {
    const place = placesIn(text)(structure.tooDeepAt);
    const message = `lists and objects are more than ${MAX_DEPTH} levels deep here`;
    return failed([{ code: 'too-deep', severity: 'error', place, message, hint: null }]);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return failed([await syntaxFault(text, error)]);
  }
  const survey = surveyValue(value);
  const faults: Fault[] = [];
  if (survey.bad !== null) {
    const { path, code, message, hint } = survey.bad;
    const place = (await locate())(path, code === 'forbidden-key' ? 'key' : 'value');
    faults.push({ code, severity: 'error', place, message, hint });
  }
  // A key that is there twice is one key in the value: the colons of the text count them all.
  const duplicates = survey.keys === structure.colons ? [] : await duplicateKeys(text);
  return {
    usable: survey.bad === null,
    length: text.length,
    value,
    faults: [...faults, ...duplicates],
    locate,
  };
}

/** Reads brackets, colons and strings, nothing else: how deep it goes and how many keys there are. */
function surveyText(text: string): { readonly tooDeepAt: number | null; readonly colons: number } {
  let depth = 0;
  let colons = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x3a: // :
        colons += 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > MAX_DEPTH) return { tooDeepAt: at, colons };
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
    }
  }
  return { tooDeepAt: null, colons };
}

/** Returns where the string that opens at `start` closes. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === 0x5c) escapes += 1; // "\\" is an escaped escape: the quote is a real one
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}

interface BadValue {
  readonly code: 'forbidden-key' | 'bad-number' | 'too-large';
  readonly path: PlanPath;
  readonly message: string;
  readonly hint: string | null;
}

/** Counts the keys of a value and finds the first thing in it that must not be there. */
function surveyValue(root: unknown): { readonly keys: number; readonly bad: BadValue | null } {
  let keys = 0;
  let bad: BadValue | null = null;
  const path: (string | number)[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      bad ??= {
        code: 'bad-number',
        path: [...path],
        message: 'this number is too large to be kept',
        hint: null,
      };
    }
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) {
        path.push(index);
        visit(value[index]);
        path.pop();
      }
      return;
    }
    const entries = Object.entries(value);
    if (entries.length > MAX_KEYS) {
      const message = `this object has ${entries.length} keys; it may have ${MAX_KEYS}`;
      bad ??= { code: 'too-large', path: [...path], message, hint: null };
    }
    for (const [key, below] of entries) {
      keys += 1;
      path.push(key);
      if (key === '__proto__') bad ??= { ...FORBIDDEN_KEY, path: [...path] };
      visit(below);
      path.pop();
    }
  };
  visit(root);
  return { keys, bad };
}

async function locatorOf(text: string): Promise<Locator> {
  const { parseTree, findNodeAtLocation } = await import('jsonc-parser');
  const placeAt = placesIn(text);
  const root = parseTree(text);
  return (path, at) => {
    for (let length = path.length; root !== undefined && length >= 0; length -= 1) {
      const node: Node | undefined = length === 0 ? root : findNodeAtLocation(root, path.slice(0, length));
      if (node === undefined) continue;
      const isKey = at === 'key' && length === path.length && node.parent?.type === 'property';
      return placeAt(isKey ? node.parent.children![0]!.offset : node.offset);
    }
    return { line: 1, column: 1 };
  };
}

/** One is enough to refuse the file. */
const MAX_DUPLICATES = 100;

async function duplicateKeys(text: string): Promise<Fault[]> {
  const { visit } = await import('jsonc-parser');
  const placeAt = placesIn(text);
  const open: Map<string, number>[] = [];
  const faults: Fault[] = [];
  visit(text, {
    onObjectBegin: () => void open.push(new Map()),
    onObjectEnd: () => void open.pop(),
    onObjectProperty: (key, offset) => {
      const first = open.at(-1)!.get(key);
      if (first === undefined) return void open.at(-1)!.set(key, offset);
      if (faults.length >= MAX_DUPLICATES) return;
      const message = `the key ${quote(key)} is here twice in one object; the first is on line ${placeAt(first).line}`;
      faults.push({
        code: 'duplicate-key',
        severity: 'error',
        place: placeAt(offset),
        message,
        hint: 'keep one of them',
      });
    },
  });
  return faults;
}

/** Says what keeps the text from being JSON. Only the first thing: those after it often follow from it. */
async function syntaxFault(text: string, thrown: unknown): Promise<Fault> {
  const { parseTree } = await import('jsonc-parser');
  const errors: ParseError[] = [];
  parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
  const first = errors[0];
  const placeAt = placesIn(text);
  if (first === undefined) {
    // jsonc-parser takes a few things that JSON does not, such as a control character between values.
    const said = thrown instanceof Error ? thrown.message : String(thrown);
    const offset = Number(/position (\d+)/.exec(said)?.[1] ?? 0);
    return syntax(
      placeAt(offset),
      `this is not JSON: ${quote(text.slice(offset, offset + 20))} does not belong here`,
      null,
    );
  }
  const wording = await wordingOf(first, text);
  return syntax(placeAt(first.offset), `this is not JSON: ${wording.message}`, wording.hint);
}

const syntax = (place: Fault['place'], message: string, hint: string | null): Fault => ({
  code: 'syntax',
  severity: 'error',
  place,
  message,
  hint,
});

const NO_COMMENTS = 'JSON has no comments; take it out, put it into "description", or save the plan as .yaml';

async function wordingOf(error: ParseError, text: string): Promise<{ message: string; hint: string | null }> {
  const { printParseErrorCode } = await import('jsonc-parser');
  const rest = text.slice(error.offset);
  const found = rest.trim() === '' ? 'the end of the file' : quote(/^\s*(\S{1,20})/.exec(rest)![1]!);
  switch (printParseErrorCode(error.error)) {
    case 'InvalidCommentToken':
      return { message: `here is a comment, ${found}`, hint: NO_COMMENTS };
    case 'PropertyNameExpected':
      return { message: `expected a key in double quotes, found ${found}`, hint: hintFor(rest) };
    case 'ValueExpected':
      return { message: `expected a value, found ${found}`, hint: hintFor(rest) };
    case 'ColonExpected':
      return { message: `expected ":" after the key, found ${found}`, hint: null };
    case 'CommaExpected':
      return { message: `expected a "," before ${found}`, hint: null };
    case 'CloseBraceExpected':
      return { message: `expected "}", found ${found}`, hint: 'an object that was opened is not closed' };
    case 'CloseBracketExpected':
      return { message: `expected "]", found ${found}`, hint: 'a list that was opened is not closed' };
    case 'EndOfFileExpected':
      return { message: `expected the end of the file, found ${found}`, hint: null };
    case 'UnexpectedEndOfString':
      return {
        message: 'a text that opens here is not closed on its line',
        hint: 'write a line break as \\n',
      };
    case 'InvalidEscapeCharacter':
      return { message: 'a text has an escape that JSON does not know', hint: 'write a backslash as \\\\' };
    case 'InvalidCharacter':
      return {
        message: 'a text has a character that must be escaped',
        hint: 'write a tab as \\t and a line break as \\n',
      };
    case 'InvalidUnicode':
      return { message: 'a \\u escape needs four hexadecimal digits', hint: null };
    case 'InvalidNumberFormat':
    case 'UnexpectedEndOfNumber':
      return { message: `${found} is not a number`, hint: null };
    default:
      return { message: `${found} does not belong here`, hint: hintFor(rest) };
  }
}

function hintFor(rest: string): string | null {
  if (/^\s*[\]}]/.test(rest)) return 'take out the comma before it';
  if (/^\s*'/.test(rest)) return 'write texts in double quotes';
  if (/^\s*(NaN|-?Infinity)/.test(rest)) return 'JSON has no such number';
  return null;
}
