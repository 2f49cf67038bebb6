/**
 * Changes in the text of a JSON file: all that is not changed stays as its author wrote it.
 */
import { applyEdits, createScanner, findNodeAtLocation, parseTree, type Edit, type Node } from 'jsonc-parser';
import type { Json } from '../../plan.js';
import type { PlanPath } from '../places.js';
import type { Change } from './change.js';

/** A file that may have what strict JSON has not. */
export interface StrictText {
  /** Strict JSON. */
  readonly text: string;
  /** The same with blanks for what is gone: everything stands where it stood. */
  readonly inPlace: string;
  /** The words of its comments, in their order. */
  readonly comments: readonly string[];
  readonly hadTrailingCommas: boolean;
}

/** jsonc-parser's own numbers: its enum is there for the compiler alone. */
const TOKEN = {
  lineCommentTrivia: 12,
  blockCommentTrivia: 13,
  lineBreakTrivia: 14,
  trivia: 15,
  closeBraceToken: 2,
  closeBracketToken: 4,
  commaToken: 5,
  end: 17,
} as const;

/** Takes comments and trailing commas out of a text; everything else keeps its line. */
export function strictJson(text: string): StrictText {
  const scanner = createScanner(text, false);
  const comments: string[] = [];
  const edits: Edit[] = [];
  let comma: number | null = null;
  let hadTrailingCommas = false;
  for (let token: number = scanner.scan(); token !== TOKEN.end; token = scanner.scan()) {
    const [offset, length] = [scanner.getTokenOffset(), scanner.getTokenLength()];
    switch (token) {
      case TOKEN.lineCommentTrivia:
      case TOKEN.blockCommentTrivia: {
        const words = text
          .slice(offset, offset + length)
          .trim()
          .replace(/^\/[/*]+|\*+\/$/g, '');
        comments.push(words.replace(/^[ \t]*\*? ?/gm, '').trim());
        edits.push({ offset, length, content: '' });
        break;
      }
      case TOKEN.trivia:
      case TOKEN.lineBreakTrivia:
        break;
      case TOKEN.closeBraceToken:
      case TOKEN.closeBracketToken:
        if (comma !== null) {
          hadTrailingCommas = true;
          edits.push({ offset: comma, length: 1, content: '' });
        }
        comma = null;
        break;
      default:
        comma = token === TOKEN.commaToken ? offset : null;
    }
  }
  const blanks = edits.map(({ offset, length }) => {
    return { offset, length, content: text.slice(offset, offset + length).replace(/[^\r\n]/g, ' ') };
  });
  const inPlace = applyEdits(text, blanks);
  const strict = applyEdits(text, edits);
  // Lines that held nothing but a comment at the top are gone with it.
  const whole = comments.length > 0 ? strict.replace(/^\s+/, '') : strict;
  return { text: whole, inPlace, comments, hadTrailingCommas };
}

/** Applies changes to strict JSON. The paths are those of the text as it is. */
export function editJson(text: string, changes: readonly Change[]): string {
  const root = parseTree(text);
  if (root === undefined) throw new Error('BUG: text was to be changed that is no JSON');
  const style = styleOf(text);
  const removed = new Set(
    changes.flatMap((change) => (change.kind === 'remove' ? [propertyAt(root, change.path)] : [])),
  );
  const edits = changes.flatMap((change): Edit[] => {
    switch (change.kind) {
      case 'rename': {
        const key = propertyAt(root, change.path).children![0]!;
        return [{ offset: key.offset, length: key.length, content: JSON.stringify(change.key) }];
      }
      case 'set': {
        const node = nodeAt(root, change.path);
        return [
          { offset: node.offset, length: node.length, content: written(change.value, style, depthOf(node)) },
        ];
      }
      case 'remove':
        return []; // those of one object go together: `removals`
      case 'add':
        return [addition(nodeAt(root, change.path), change, style, removed)];
      default:
        return change satisfies never;
    }
  });
  return applyEdits(text, inOneOrder([...edits, ...removals(removed)]));
}

/** Additions at one place come one behind the other. */
function inOneOrder(edits: readonly Edit[]): Edit[] {
  const merged: Edit[] = [];
  for (const edit of edits) {
    const same = merged.findIndex(
      ({ offset, length }) => length === 0 && edit.length === 0 && offset === edit.offset,
    );
    if (same < 0) merged.push(edit);
    else merged[same] = { ...merged[same]!, content: merged[same]!.content + edit.content };
  }
  return merged;
}

interface Style {
  readonly eol: string;
  readonly indent: string;
}

function styleOf(text: string): Style {
  const indent = /\n([ \t]+)"/.exec(text)?.[1];
  return { eol: text.includes('\r\n') ? '\r\n' : '\n', indent: indent ?? '' };
}

const nodeAt = (root: Node, path: PlanPath): Node => {
  const node = path.length === 0 ? root : findNodeAtLocation(root, [...path]);
  if (node === undefined) throw new Error(`BUG: there is nothing at ${path.join('.')}`);
  return node;
};

const propertyAt = (root: Node, path: PlanPath): Node => nodeAt(root, path).parent!;

function depthOf(node: Node): number {
  let depth = 0;
  for (let at = node.parent; at !== undefined; at = at.parent) if (at.type !== 'property') depth += 1;
  return depth;
}

/** A value as the file around it is written: on one line where it has none, else indented. */
function written(value: Json, { eol, indent }: Style, depth: number): string {
  const isFlat =
    Array.isArray(value) &&
    value.every((one) => typeof one !== 'object') &&
    JSON.stringify(value).length < 80;
  if (indent === '' || isFlat) return JSON.stringify(value).replace(/","/g, '", "');
  return JSON.stringify(value, null, indent).replaceAll('\n', `${eol}${indent.repeat(depth)}`);
}

/** Takes keys out with the commas that parted them from others. */
function removals(removed: ReadonlySet<Node>): Edit[] {
  const objects = new Set([...removed].map((property) => property.parent!));
  const endOf = ({ offset, length }: Node): number => offset + length;
  return [...objects].flatMap((object) => {
    const all = object.children!;
    const edits: Edit[] = [];
    for (let first = 0; first < all.length; first += 1) {
      if (!removed.has(all[first]!)) continue;
      let last = first;
      while (last + 1 < all.length && removed.has(all[last + 1]!)) last += 1;
      const [before, next] = [all[first - 1], all[last + 1]];
      const from = next === undefined && before !== undefined ? endOf(before) : all[first]!.offset;
      const to = next === undefined ? endOf(all[last]!) : next.offset;
      edits.push({ offset: from, length: to - from, content: '' });
      first = last;
    }
    return edits;
  });
}

function addition(
  object: Node,
  { key, value, at }: Change & { kind: 'add' },
  style: Style,
  removed: ReadonlySet<Node>,
): Edit {
  const depth = depthOf(object) + 1;
  const pair = `${JSON.stringify(key)}: ${written(value, style, depth)}`;
  const children = (object.children ?? []).filter((child) => !removed.has(child));
  const isFlat = style.indent === '';
  const gap = isFlat ? '' : `${style.eol}${style.indent.repeat(depth)}`;
  const [first, last] = [children[0], children.at(-1)];
  if (first === undefined || last === undefined) {
    const close = isFlat ? '' : `${style.eol}${style.indent.repeat(depth - 1)}`;
    return { offset: object.offset + 1, length: 0, content: `${gap}${pair}${close}` };
  }
  return at === 'front'
    ? { offset: object.offset + 1, length: 0, content: `${gap}${pair},${isFlat ? ' ' : ''}` }
    : { offset: last.offset + last.length, length: 0, content: `,${isFlat ? ' ' : gap}${pair}` };
}
