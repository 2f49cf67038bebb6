/**
 * Replaces secret values in a stream of bytes, wherever the chunks are cut.
 */

const STARS = Buffer.from('***');

/** A run of bytes to hide: from `start` up to, not including, `end`. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Hides the given values. Bytes in, bytes out: everything else passes unchanged, and as soon as it cannot be the
 * beginning of a value any more.
 */
export class Masker {
  readonly #values: readonly Buffer[];
  #carry: Buffer = Buffer.alloc(0);
  /** So many bytes at the head of the carry belong to a value whose stars are out already. */
  #covered = 0;

  constructor(secrets: readonly string[]) {
    this.#values = valuesOf(secrets);
  }

  /** Takes the next bytes and returns those that may go on. */
  push(chunk: Buffer): Buffer {
    const text = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    return this.#emit(text, this.#heldFrom(text));
  }

  /** Returns the rest, when no more bytes come. */
  end(): Buffer {
    return this.#emit(this.#carry, this.#carry.length);
  }

  #emit(text: Buffer, until: number): Buffer {
    const out: Buffer[] = [];
    let at = 0;
    let covered = this.#covered;
    for (const { start, end } of this.#spans(text)) {
      if (start >= until) break;
      out.push(text.subarray(at, start));
      if (start > 0 || this.#covered === 0) out.push(STARS);
      at = Math.min(end, until);
      covered = end;
    }
    if (at < until) out.push(text.subarray(at, until));
    this.#covered = Math.max(0, covered - until);
    // A copy: the chunk may be a window on a buffer that is used again.
    this.#carry = Buffer.from(text.subarray(until));
    return Buffer.concat(out);
  }

  /** Returns where values lie in the text, overlapping ones joined, in order. */
  #spans(text: Buffer): Span[] {
    const found: Span[] = this.#covered > 0 ? [{ start: 0, end: this.#covered }] : [];
    for (const value of this.#values) {
      for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at + 1)) {
        found.push({ start: at, end: at + value.length });
      }
    }
    found.sort((a, b) => a.start - b.start);
    const joined: Span[] = [];
    for (const span of found) {
      const last = joined.at(-1);
      if (last !== undefined && span.start < last.end) {
        joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
      } else joined.push(span);
    }
    return joined;
  }

  /** Returns where the longest end of the text begins that could still become a value. */
  #heldFrom(text: Buffer): number {
    let from = text.length;
    for (const value of this.#values) {
      let at = Math.max(0, text.length - value.length + 1);
      for (; at < from; at++) {
        at = text.indexOf(value[0] ?? 0, at);
        if (at === -1 || at >= from) break;
        if (value.subarray(0, text.length - at).equals(text.subarray(at))) {
          from = at;
          break;
        }
      }
    }
    return from;
  }
}

/** Returns a text without the given values. */
export function maskText(text: string, secrets: readonly string[]): string {
  if (secrets.length === 0) return text;
  const masker = new Masker(secrets);
  return Buffer.concat([masker.push(Buffer.from(text)), masker.end()]).toString();
}

/** A line of a secret of several lines is hidden on its own from this length on: a shorter one says nothing. */
const MIN_LINE = 8;

/**
 * Returns the bytes to look for: each value, as JSON would spell it inside a string, and the lines of one that has
 * several, because tools print a key line by line.
 */
function valuesOf(secrets: readonly string[]): Buffer[] {
  const texts = new Set<string>();
  for (const secret of secrets) {
    const trimmed = secret.trimEnd(); // a file's last newline is often part of the value, never of what is printed
    for (const whole of [secret, trimmed]) {
      texts.add(whole);
      texts.add(JSON.stringify(whole).slice(1, -1));
    }
    const lines = trimmed.split(/\r?\n/);
    if (lines.length > 1)
      for (const line of lines) if (line.trim().length >= MIN_LINE) texts.add(line.trim());
  }
  texts.delete('');
  return [...texts].map((text) => Buffer.from(text));
}
