/**
 * Where things are in a text.
 */

/** A place a person can go to; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** From the document's root to a value: keys of objects and indices of lists. */
export type PlanPath = readonly (string | number)[];

/** Finds a path in a document's text: its value, or the key that names it. A path that is not there gives the nearest thing above it. */
export type Locator = (path: PlanPath, at: 'key' | 'value') => Place;

/** Returns a function from an offset in the text to its line and column. */
export function placesIn(text: string): (offset: number) => Place {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  };
}
