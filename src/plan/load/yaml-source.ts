/**
 * YAML 1.2 with places: the part of it that says the same as JSON. The rest of YAML (tags, several documents, keys
 * that are not text, old versions) is refused by name.
 */
import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  Parser,
  visit,
  type Document,
  type Node,
  type ParsedNode,
  type YAMLParseError,
} from 'yaml';
import { harmless, quote } from '../quote.js';
import { placesIn, type Locator, type Place } from './places.js';
import { FORBIDDEN_KEY, MAX_DEPTH, MAX_KEYS, type Fault, type Source } from './source-text.js';

/** How many values a document may have, those that stand behind an alias counted each time they are used. */
const MAX_VALUES = 500_000;

/** Characters of a document, counted in the same way: as many as JSON may have. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

/** One anchor with a fault in it may be used a thousand times. */
const MAX_FAULTS = 100;

/** Reads one YAML document. */
export async function readYaml(text: string): Promise<Source> {
  const placeAt = placesIn(text);
  const failed = (...faults: Fault[]): Source => ({
    usable: false,
    length: text.length,
    value: undefined,
    faults,
    locate: async () => () => ({ line: 1, column: 1 }),
  });
  try {
    const composed = compose(text);
    if (typeof composed === 'number') {
      const message = `lists and objects are more than ${MAX_DEPTH} levels deep here`;
      return failed(mistakeAbove(text, composed) ?? fault('too-deep', placeAt(composed), message, null));
    }
    const faults = documentFaults(composed, placeAt);
    if (faults.length > 0) return failed(...faults);
    const document = composed[0]!;
    const targets = aliasTargets(document);
    const reader = new ValueReader(targets, placeAt);
    const value = reader.valueOf(document.contents, 0);
    return {
      usable: reader.faults.every((found) => found.code === 'duplicate-key'),
      length: Math.max(text.length, reader.characters),
      value,
      faults: reader.faults,
      locate: async () => locatorOf(document, targets, placeAt),
    };
  } catch (error) {
    // The library recurses and counts; neither may reach a person as a stack trace.
    const said = error instanceof Error ? error.message : String(error);
    return failed(
      fault('syntax', { line: 1, column: 1 }, `this YAML cannot be read: ${harmless(said)}`, null),
    );
  }
}

/** Returns the documents of a stream, or the offset where it goes too deep. */
function compose(text: string): Document.Parsed[] | number {
  // The parser keeps a stack of its own, the composer recurses: depth is stopped before the composer sees it.
  const parser = new Parser();
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > MAX_DEPTH + 2) return parser.offset; // and the document, and the value at hand
  }
  for (const token of parser.end()) tokens.push(token);
  // Unique keys are checked below: the library compares each with each, which a long map makes slow.
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    resolveKnownTags: false,
    uniqueKeys: false,
  });
  return [...composer.compose(tokens, true, text.length)];
}

/** A line such as `a: b: c`, repeated, looks like depth to the parser. Returns that mistake, if there is one. */
function mistakeAbove(text: string, offset: number): Fault | null {
  const above = text.slice(0, text.lastIndexOf('\n', offset - 1) + 1).trimEnd();
  const composed = compose(above);
  if (typeof composed === 'number') return null;
  // What is open where the text was cut off is no mistake.
  const errors = composed[0]?.errors.filter((error) => error.pos[0] < above.length) ?? [];
  return errors[0] === undefined ? null : syntaxFault(errors[0], placesIn(text));
}

function syntaxFault(error: YAMLParseError, placeAt: (offset: number) => Place): Fault {
  const said = error.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
  return fault('syntax', placeAt(error.pos[0]), `this is not YAML: ${harmless(said)}`, null);
}

function documentFaults(documents: readonly Document.Parsed[], placeAt: (offset: number) => Place): Fault[] {
  const [document, second] = documents;
  if (document === undefined) return [];
  const problem = document.errors[0];
  if (problem !== undefined) return [syntaxFault(problem, placeAt)];
  if (second !== undefined) {
    const message = 'a second document starts here; a file holds one plan';
    return [fault('yaml-feature', placeAt(second.range[0]), message, 'make it a file of its own')];
  }
  if (document.directives.yaml.version !== '1.2') {
    const message = `this file asks for YAML ${document.directives.yaml.version}; plans are YAML 1.2`;
    return [fault('yaml-feature', { line: 1, column: 1 }, message, 'take out the %YAML line')];
  }
  return [];
}

type AliasTargets = ReadonlyMap<Node, Node>;

/** Finds what each alias stands for: the last node above it with that name. One walk; the library makes one for each. */
function aliasTargets(document: Document.Parsed): AliasTargets {
  const named = new Map<string, Node>();
  const targets = new Map<Node, Node>();
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node)) {
        const target = named.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) {
        named.set(node.anchor, node);
      }
    },
  });
  return targets;
}

/** Makes plain values of a document's nodes. One walk, with a budget, because an alias may stand for a great deal. */
class ValueReader {
  readonly faults: Fault[] = [];
  /** Of all texts, and of keys. */
  characters = 0;
  private values = 0;

  constructor(
    private readonly targets: AliasTargets,
    private readonly placeAt: (offset: number) => Place,
  ) {}

  valueOf(node: unknown, depth: number): unknown {
    this.values += 1;
    if (this.values > MAX_VALUES)
      throw new RangeError(`with its aliases it has more than ${MAX_VALUES} values`);
    if (depth > MAX_DEPTH) {
      this.add('too-deep', node, `with its aliases this goes more than ${MAX_DEPTH} levels deep`, null);
      return null;
    }
    if (isAlias(node)) {
      const target = this.targets.get(node);
      if (target === undefined)
        return this.refuse(node, `nothing is named ${quote(`&${node.source}`)} before this alias`, null);
      return this.valueOf(target, depth + 1);
    }
    const tag = (node as ParsedNode | null)?.tag;
    if (tag !== undefined && !PLAIN_TAGS.has(tag)) {
      return this.refuse(node, `the tag ${quote(tag)} is not known here`, 'plans use plain values only');
    }
    if (isMap(node)) return this.objectOf(node.items, depth);
    if (isSeq(node)) return node.items.map((item) => this.valueOf(item, depth + 1));
    const value = isScalar(node) ? node.value : null;
    if (typeof value === 'string') this.count(value);
    if (typeof value === 'number' && !Number.isFinite(value)) {
      this.add('bad-number', node, 'this number is not finite', 'write it in quotes if it is a text');
      return null;
    }
    return value;
  }

  private objectOf(
    items: readonly { key: unknown; value: unknown }[],
    depth: number,
  ): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    if (items.length > MAX_KEYS) {
      this.add(
        'too-large',
        items[0]!.key,
        `this object has ${items.length} keys; it may have ${MAX_KEYS}`,
        null,
      );
      return object;
    }
    for (const { key, value } of items) {
      const name = isScalar(key) ? key.value : undefined;
      if (typeof name !== 'string') {
        this.refuse(key, 'a key must be a text', 'write it in quotes');
      } else if (name === '__proto__') {
        this.add(FORBIDDEN_KEY.code, key, FORBIDDEN_KEY.message, FORBIDDEN_KEY.hint);
      } else {
        if (Object.hasOwn(object, name)) {
          this.add(
            'duplicate-key',
            key,
            `the key ${quote(name)} is here twice in one object`,
            'keep one of them',
          );
        }
        this.count(name);
        object[name] = this.valueOf(value, depth + 1);
      }
    }
    return object;
  }

  private count(text: string): void {
    this.characters += text.length;
    if (this.characters > MAX_CHARACTERS) {
      throw new RangeError(`its aliases stand for more than ${MAX_CHARACTERS} characters`);
    }
  }

  private refuse(node: unknown, message: string, hint: string | null): null {
    this.add('yaml-feature', node, message, hint);
    return null;
  }

  private add(code: Fault['code'], node: unknown, message: string, hint: string | null): void {
    if (this.faults.length >= MAX_FAULTS) return;
    const offset = (node as ParsedNode | null)?.range?.[0] ?? 0;
    this.faults.push(fault(code, this.placeAt(offset), message, hint));
  }
}

// What the YAML 1.2 core schema gives plain values; the same tags written out say nothing else.
const PLAIN_TAGS = new Set(
  ['map', 'seq', 'str', 'null', 'bool', 'int', 'float'].map((name) => `tag:yaml.org,2002:${name}`),
);

function locatorOf(
  document: Document.Parsed,
  targets: AliasTargets,
  placeAt: (offset: number) => Place,
): Locator {
  return (path, at) => {
    let node: unknown = document.contents;
    let offset = document.contents?.range?.[0] ?? 0;
    for (const [index, key] of path.entries()) {
      if (isAlias(node)) node = targets.get(node);
      const pair = isMap(node)
        ? node.items.find((item) => isScalar(item.key) && item.key.value === key)
        : undefined;
      const below: unknown = isSeq(node) && typeof key === 'number' ? node.items[key] : pair?.value;
      const named = at === 'key' && index === path.length - 1 ? pair?.key : (below ?? pair?.key);
      const range = (named as ParsedNode | undefined)?.range;
      if (range === undefined || range === null) break;
      offset = range[0];
      node = below;
    }
    return placeAt(offset);
  };
}

const fault = (code: Fault['code'], place: Place, message: string, hint: string | null): Fault => ({
  code,
  severity: 'error',
  place,
  message,
  hint,
});
