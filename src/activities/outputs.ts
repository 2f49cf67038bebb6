/**
 * The values that a step hands on: read from its result file or its standard output, both JSON.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Json, OutputSource } from '../plan/plan.js';
import { quote, show } from '../plan/quote.js';
import { maskText } from '../tools/process/masker.js';
import { pointTo } from './json-pointer.js';

export interface OutputFiles {
  /** What the step knows as `$PLANWRIGHT_OUTPUT`. */
  readonly result: string;
  readonly stdout: string;
}

export type Outputs =
  | { readonly kind: 'outputs'; readonly values: Readonly<Record<string, Json>> }
  | { readonly kind: 'bad'; readonly message: string };

/** All outputs of a step together, as JSON: they go through the server and into other steps' arguments. */
const MAX_BYTES = 4096;
const MAX_SOURCE: Readonly<Record<OutputSource['from'], number>> = { result: 64 * 1024, stdout: 1024 * 1024 };
/** What only the items of a `for_each` are made of goes no further than the workflow. */
const MAX_LIST_BYTES = 256 * 1024;
const MAX_LIST_SOURCE = 1024 * 1024;
/** Deeper ones could overflow the stack of whoever walks through them later. */
const MAX_DEPTH = 64;

const NAMES: Readonly<Record<OutputSource['from'], string>> = {
  result: 'the result file ($PLANWRIGHT_OUTPUT)',
  stdout: 'standard output',
};

/** A step's fault: its message is the failure. */
class BadOutput extends Error {}

/** Reads the declared outputs of a step that succeeded. Secret values in them are masked. */
export function readOutputs(
  sources: Readonly<Record<string, OutputSource>>,
  files: OutputFiles,
  secrets: readonly string[],
): Outputs {
  const documents = new Map<OutputSource['from'], unknown>();
  const read = (from: OutputSource['from']): unknown => {
    const isOfList = Object.values(sources).some((source) => source.from === from && source.isList === true);
    const most = isOfList ? MAX_LIST_SOURCE : MAX_SOURCE[from];
    if (!documents.has(from)) documents.set(from, readDocument(from, files[from], most));
    return documents.get(from);
  };
  try {
    const values = Object.fromEntries(
      Object.entries(sources).map(([name, { from, pointer }]) => [
        name,
        clean(name, find(name, read(from), from, pointer), secrets),
      ]),
    );
    const bytesOf = (isList: boolean): number => {
      const chosen = Object.entries(values).filter(([name]) => (sources[name]!.isList ?? false) === isList);
      return Buffer.byteLength(JSON.stringify(Object.fromEntries(chosen)));
    };
    const [bytes, listBytes] = [bytesOf(false), bytesOf(true)];
    if (bytes > MAX_BYTES) {
      throw new BadOutput(
        `the outputs have ${bytes} bytes together as JSON; at most ${MAX_BYTES}: hand on a file instead`,
      );
    }
    if (listBytes > MAX_LIST_BYTES) {
      throw new BadOutput(
        `the lists for "for_each" have ${listBytes} bytes together as JSON; at most ${MAX_LIST_BYTES}: hand on names of files instead`,
      );
    }
    return { kind: 'outputs', values };
  } catch (error) {
    if (!(error instanceof BadOutput)) throw error;
    return { kind: 'bad', message: maskText(error.message, secrets) };
  }
}

function readDocument(from: OutputSource['from'], path: string, most: number): unknown {
  const bytes = readBounded(from, path, most);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new BadOutput(`${NAMES[from]} is not UTF-8`);
  }
  if (text.trim() === '') throw new BadOutput(`${NAMES[from]} is empty; it should be JSON`);
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BadOutput(`${NAMES[from]} is not JSON: ${why.slice(0, 200)}`);
  }
}

function readBounded(from: OutputSource['from'], path: string, most: number): Buffer {
  let file: number;
  try {
    // Not through a link the step made, and not waiting for a writer of a pipe.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT') throw new BadOutput(`the step wrote no ${NAMES[from].replace('the ', '')}`);
    throw new BadOutput(
      `${NAMES[from]} cannot be read: ${code === 'ELOOP' ? 'it is a symbolic link' : String(code)}`,
    );
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new BadOutput(`${NAMES[from]} is not a plain file`);
    if (stats.size > most)
      throw new BadOutput(`${NAMES[from]} has ${stats.size} bytes; at most ${most} are read for outputs`);
    const buffer = Buffer.alloc(stats.size);
    return buffer.subarray(0, readSync(file, buffer, 0, stats.size, 0));
  } finally {
    closeSync(file);
  }
}

function find(name: string, document: unknown, from: OutputSource['from'], pointer: string): unknown {
  const found = pointTo(document, pointer);
  if (found.kind === 'found') return found.value;
  throw new BadOutput(
    `output ${quote(name)}: ${NAMES[from]} has nothing at ${quote(pointer)}; ` +
      `${found.at === '' ? 'the document' : quote(found.at)} is ${show(found.value)}`,
  );
}

/** Returns a copy without secrets, of plain JSON only: `1e999` is read as infinity, which no JSON can say. */
function clean(name: string, value: unknown, secrets: readonly string[], depth = 0): Json {
  if (depth > MAX_DEPTH)
    throw new BadOutput(`output ${quote(name)} is nested deeper than ${MAX_DEPTH} levels`);
  if (typeof value === 'string') return maskText(value, secrets);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new BadOutput(`output ${quote(name)} holds a number too large to keep`);
  }
  if (Array.isArray(value)) return value.map((item) => clean(name, item, secrets, depth + 1));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        maskText(key, secrets),
        clean(name, item, secrets, depth + 1),
      ]),
    );
  }
  return value as null | boolean | number;
}
