/**
 * Text by the cells it takes on a terminal, not by its characters.
 */
import { createRequire } from 'node:module';

/**
 * Letters and signs of one cell each: Latin, Greek and Cyrillic, and what we draw with (dots, lines, blocks, marks). Not
 * U+00AD and the combining ones.
 */
const PLAIN =
  /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u0391-\u0482\u048a-\u052f\u2010-\u2027\u2190-\u2193\u2500-\u259f▲▶▼◀●○◼✔✖✓✗]*$/;
type Measure = (text: string) => number;
let measure: Measure | null = null;

/** Loaded for a text that needs it: its tables of emoji take longer to build than most commands run. */
function measured(text: string): number {
  measure ??= (createRequire(import.meta.url)('string-width') as { default: Measure }).default;
  return measure(text);
}

const segments = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Returns how many cells a text without line breaks takes. */
export const widthOf = (text: string): number => (PLAIN.test(text) ? text.length : measured(text));

/** Returns the text cut to at most `width` cells; what was cut shows as an ellipsis. */
export function cut(text: string, width: number, ellipsis = '…'): string {
  if (width <= 0) return '';
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(ellipsis);
  if (room < 0) return '';
  let used = 0;
  let kept = '';
  for (const { segment } of segments.segment(text)) {
    used += widthOf(segment);
    if (used > room) break;
    kept += segment;
  }
  return kept + ellipsis;
}

// Our own colours, which take no room.
const STYLE = /\u001b\[[0-9;]*m/g;

/** Returns the text without our colours. */
export const unpainted = (text: string): string => text.replace(STYLE, '');

/** As `cut`, for a line that may be coloured: one that is too wide loses its colours. */
export const cutPainted = (line: string, width: number, ellipsis = '…'): string =>
  widthOf(unpainted(line)) <= width ? line : cut(unpainted(line), width, ellipsis);

/** Returns the text with spaces behind it up to `width` cells. */
export const pad = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)));

/** Returns the text with spaces before it up to `width` cells. */
export const padLeft = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - widthOf(text))) + text;

/** Returns the text in exactly `width` cells. */
export const fit = (text: string, width: number, ellipsis = '…'): string =>
  pad(cut(text, width, ellipsis), width);
