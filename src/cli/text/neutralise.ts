/**
 * Text from elsewhere, made harmless for a terminal: what a tool prints or a plan is named can move the cursor, set the
 * window's title, hide itself or turn the line around. Shown, not obeyed.
 */

// One colour or style change: the only sequence that does nothing but decorate. It is dropped without a trace.
const STYLE = /\u001b\[[0-9;:]*m/g;
// All other controls but line feed and tab; what turns the direction of text; what breaks lines in secret.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

const LONGEST_STYLE = 64;

/** Returns the text with nothing in it that a terminal would act on, but line feeds and tabs. */
export function neutralise(text: string): string {
  return text
    .replace(STYLE, '')
    .replace(/\r\n|\r(?=\n)/g, '\n')
    .replace(/\r/g, '\n') // a progress bar that overwrites itself becomes lines; so does a line that hides another
    .replace(HIDDEN, visible);
}

/** Returns the text in one harmless line. */
export const oneLine = (text: string): string => neutralise(text).replace(/\s+/g, ' ').trim();

/** Returns the harmless lines of a text as they stand in it, indents and blank lines between them too. */
export function linesOf(text: string): string[] {
  const lines = neutralise(text)
    .split('\n')
    .map((line) => line.replaceAll('\t', '    ').trimEnd());
  const first = lines.findIndex((line) => line !== '');
  const last = lines.findLastIndex((line) => line !== '');
  return first < 0 ? [] : lines.slice(first, last + 1);
}

/** `^[` for escape, as `cat -v` shows it; what has no such name by its number. */
function visible(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  return code === 0x7f ? '^?' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

/** Makes a stream of bytes harmless, whatever places it is cut at. */
export class Neutraliser {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #rest = '';

  /** Returns what can be shown of the bytes so far. */
  take(bytes: Uint8Array): string {
    return this.#cut(this.#rest + this.#decoder.decode(bytes, { stream: true }));
  }

  /** Returns what is left. */
  end(): string {
    const text = this.#rest + this.#decoder.decode();
    this.#rest = '';
    return neutralise(text);
  }

  /** Keeps back what may be the beginning of a sequence or of a line's end. */
  #cut(text: string): string {
    const escape = text.lastIndexOf('\u001b');
    const isOpen =
      escape >= 0 && text.length - escape < LONGEST_STYLE && /^\u001b(\[[0-9;:]*)?$/.test(text.slice(escape));
    const at = isOpen ? escape : text.endsWith('\r') ? text.length - 1 : text.length;
    this.#rest = text.slice(at);
    return neutralise(text.slice(0, at));
  }
}
