/**
 * Rows in columns that line up.
 */
import type { Paint } from '../paint.js';
import { cut, pad, padLeft, widthOf } from './width.js';

export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
  readonly right?: boolean;
  /** Gives way when the line is too wide; in the last column only. */
  readonly flexible?: boolean;
}

const GAP = '  ';

/** Returns the lines of a table, its head first; none is wider than `width` if the flexible column can give way. */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  width: number,
  paint: Paint,
): string[] {
  const widths = head.map((title, column) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(row[column]?.text ?? ''))),
  );
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + GAP.length, 0);
  const line = (cells: readonly Cell[]): string =>
    cells
      .map((cell, column) => {
        const isLast = column === cells.length - 1;
        const text =
          cell.flexible === true
            ? cut(cell.text, Math.max(0, width - 1 - before), paint.marks.ellipsis)
            : cell.text;
        const filled =
          cell.right === true ? padLeft(text, widths[column]!) : isLast ? text : pad(text, widths[column]!);
        return cell.paint === undefined ? filled : cell.paint(filled);
      })
      .join(GAP)
      .trimEnd();
  return [
    paint.dim(line(head.map((text, column) => ({ text, right: rows[0]?.[column]?.right === true })))),
    ...rows.map(line),
  ];
}
