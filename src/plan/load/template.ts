/**
 * `${…}` in a text of a plan, taken apart.
 */
import { parseReference, type OutputReference } from '../references.js';

/** A piece of a text. */
export type Piece =
  | { readonly kind: 'literal'; readonly text: string }
  /** `${NAME}`. */
  | { readonly kind: 'variable'; readonly name: string }
  /** `${steps.<id>.outputs.<name>}`. */
  | { readonly kind: 'output'; readonly reference: OutputReference }
  /** It opens with `${steps.`, but is no reference: the form is ours, so this is a mistake. */
  | { readonly kind: 'malformed'; readonly text: string };

export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const MARK = /\$\$\{|\$\{([^{}]*)\}/g;

/**
 * Takes a text apart, from left to right and once.
 *
 * `$${` is the literal `${`, whatever follows. Other things in braces (`${HOME:-x}`) mean nothing to a plan and stay.
 */
export function piecesOf(text: string): Piece[] {
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
    if (body === undefined) {
      literal += '${';
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
