/**
 * Texts too long for one message: a plan, or what one leg hands to the next.
 */
import type { ChunkRequest } from './api.js';

// A character is at most 3 bytes of UTF-8, and quotes grow in JSON: this stays below 512 KB, the server's warning line.
const CHUNK_CHARS = 80_000;

/** Cuts a text into pieces that fit a message; at least one. */
export function chunksOf(text: string): string[] {
  const chunks: string[] = [];
  for (let at = 0; at < text.length || at === 0; at += CHUNK_CHARS)
    chunks.push(text.slice(at, at + CHUNK_CHARS));
  return chunks;
}

/** Takes in the pieces of one text, in any order, each any number of times. */
export class ChunkStore {
  readonly #chunks: (string | undefined)[];

  constructor(first: string, total: number) {
    this.#chunks = new Array<string | undefined>(total).fill(undefined);
    this.#chunks[0] = first;
  }

  /** Says why a chunk cannot be taken, or null when it can. */
  refusal({ index, text }: ChunkRequest): string | null {
    if (!Number.isInteger(index) || index < 0 || index >= this.#chunks.length) {
      return `chunk ${index} is not one of ${this.#chunks.length}`;
    }
    const known = this.#chunks[index];
    return known !== undefined && known !== text
      ? `chunk ${index} has come before, with another content`
      : null;
  }

  add(chunk: ChunkRequest): void {
    this.#chunks[chunk.index] = chunk.text;
  }

  get isComplete(): boolean {
    return !this.#chunks.includes(undefined);
  }

  get text(): string {
    return this.#chunks.join('');
  }
}
