/**
 * `${…}` in a text of a plan, taken apart.
 */
import { itemName, type LateName } from '../late.js';
import { parseReference, type OutputReference } from '../references.js';

/** Names of their own that some texts have: those made for each item of a `for_each`, those given to each round. */
export type Locals = 'item' | 'round' | null;

/** A piece of a text. */
export type Piece =
  | { readonly kind: 'literal'; readonly text: string }
  /** `${NAME}`. */
  | { readonly kind: 'variable'; readonly name: string }
  /** `${steps.<id>.outputs.<name>}`. */
  | { readonly kind: 'output'; readonly reference: OutputReference }
  /** A name of the text's own. */
  | { readonly kind: 'late'; readonly late: LateName; readonly written: string }
  /** It opens with `${steps.`, but is no reference: the form is ours, so this is a mistake. */
  | { readonly kind: 'malformed'; readonly text: string };

export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const MARK = /\$\$\{|\$\{([^{}]*)\}/g;

/**
 * Takes a text apart, from left to right and once.
 *
 * `$${` is the literal `${`, whatever follows. Other things in braces (`${HOME:-x}`) mean nothing to a plan and stay.
 *
 * @param locals - whose names mean something here, and hide variables of the same name
 */
export function piecesOf(text: string, locals: Locals = null): Piece[] {
  const pieces: Piece[] = [];
  let literal = '';
  let end = 0;
  const push = (piece: Piece): void => {
    if (literal !== '') pieces.push({ kind: 'literal', text: literal });
    literal = '';
    pieces.push(piece);
  };
  for (const match of text.matchAll(MARK)) {
    literal += text.slice(end, match.index);
    end = match.index + match[0].length;
    const body = match[1];
    const late = body === undefined ? null : localName(body, locals);
    if (body === undefined) {
      literal += '${';
    } else if (late !== null) {
      push({ kind: 'late', late, written: match[0] });
    } else if (VARIABLE_NAME.test(body)) {
      push({ kind: 'variable', name: body });
    } else if (body.startsWith('steps.')) {
      const reference = parseReference(body);
      push(reference === null ? { kind: 'malformed', text: match[0] } : { kind: 'output', reference });
    } else {
      literal += match[0];
    }
  }
  literal += text.slice(end);
  if (literal !== '' || pieces.length === 0) pieces.push({ kind: 'literal', text: literal });
  return pieces;
}

function localName(body: string, locals: Locals): LateName | null {
  if (locals === 'item') return itemName(body);
  return locals === 'round' && body === 'round' ? { kind: 'round' } : null;
}
