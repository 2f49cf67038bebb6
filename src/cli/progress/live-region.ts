/**
 * A part of the terminal that is drawn over again: one write for each picture, at most ten a second, none when nothing
 * changed.
 */
import { unpainted, widthOf } from '../text/width.js';
import type { Output } from '../world.js';

const EVERY_MS = 100;

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** Between these a terminal that knows them shows nothing half done; others pass them over. */
const BEGIN = '\u001b[?2026h';
const END = '\u001b[?2026l';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

export class LiveRegion {
  readonly #output: Output;
  readonly #picture: () => string[];
  readonly #timer: NodeJS.Timeout;
  readonly #stopListening: () => void;
  /** What stands on the terminal now. */
  #drawn: readonly string[] = [];
  #isStale = true;
  #isOpen = true;

  /** @param picture - returns the lines to show now, none wider than the terminal */
  constructor(output: Output, picture: () => string[]) {
    this.#output = output;
    this.#picture = picture;
    output.write(HIDE_CURSOR);
    this.#timer = setInterval(() => this.#draw(), EVERY_MS);
    this.#stopListening = output.onResize(() => {
      this.#isStale = true;
    });
    this.#draw();
  }

  #draw(): void {
    if (!this.#isOpen) return;
    const lines = this.#picture();
    if (
      !this.#isStale &&
      lines.length === this.#drawn.length &&
      lines.every((line, at) => line === this.#drawn[at])
    )
      return;
    this.#replace(lines);
  }

  #replace(lines: readonly string[], above: readonly string[] = []): void {
    const up = this.#height();
    const text = [...above, ...lines].map((line) => `${line}${CLEAR_LINE}\n`).join('');
    this.#output.write(`${BEGIN}${up > 0 ? `\u001b[${up}A` : ''}\r${text}${CLEAR_BELOW}${END}`);
    this.#drawn = lines;
    this.#isStale = false;
  }

  /** How many rows the picture takes now: a terminal made narrower has wrapped its lines. */
  #height(): number {
    const { columns } = this.#output.size();
    return this.#drawn.reduce(
      (rows, line) => rows + Math.max(1, Math.ceil(widthOf(unpainted(line)) / columns)),
      0,
    );
  }

  /** Writes lines that stay, above the region. */
  above(lines: readonly string[]): void {
    if (this.#isOpen) this.#replace(this.#drawn, lines);
  }

  /** Draws the last picture, which stays, and gives the terminal back. */
  close(last: readonly string[]): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearInterval(this.#timer);
    this.#stopListening();
    this.#replace(last);
    this.#output.write(SHOW_CURSOR);
  }
}
