/**
 * How things of a plan are shown inside a message: in quotes, short, and harmless to a terminal.
 */

const MAX_SHOWN = 80;
const MAX_WORDS = 300;

// Controls, what separates lines, what turns the direction of text, what is not seen: a message must show them, not obey them.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

// Nearly all that is quoted is an id or a name.
const PLAIN = /^[\w.-]{1,80}$/;

/** Returns the text in double quotes, cut to 80 characters, with everything escaped that would not print as itself. */
export function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  const cut = text.length > MAX_SHOWN ? text.slice(0, MAX_SHOWN).replace(/[\ud800-\udbff]$/, '') : text;
  const escaped = cut.replace(/["\\]/g, '\\$&').replace(UNSEEN, escapeOf);
  return `"${escaped}${cut.length < text.length ? '…' : ''}"`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeOf(character: string): string {
  const code = character.codePointAt(0)!;
  return (
    SHORT_ESCAPES[character] ??
    (code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`)
  );
}

/** Returns words of others (a library, a file system) so that a terminal shows them and does not obey them: one line, at most 300 characters. */
export function harmless(text: string): string {
  const cut = text.length > MAX_WORDS ? `${text.slice(0, MAX_WORDS).replace(/[\ud800-\udbff]$/, '')}…` : text;
  return cut.replace(UNSEEN, escapeOf);
}

/** Says in a few words what a value of a document is: texts quoted, numbers as they are, the rest by kind. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value) ?? typeof value;
}

/** Returns the names quoted and joined: `"a", "b" and "c"`. More than `most` end in "and 7 more". */
export function quoteAll(names: readonly string[], word: 'and' | 'or', most = 10): string {
  const shown = names.slice(0, most).map(quote);
  if (names.length > most) return `${shown.join(', ')} ${word} ${names.length - most} more`;
  return shown.length <= 1 ? shown.join('') : `${shown.slice(0, -1).join(', ')} ${word} ${shown.at(-1)!}`;
}
