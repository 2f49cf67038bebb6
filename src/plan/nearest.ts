/**
 * "Did you mean …?": the known word that an unknown one is a slip of.
 */

/**
 * Returns the candidate nearest to `word`, or null when none is near enough to be a slip of the finger.
 *
 * Near means: one edit for up to 3 characters, two for up to 8, three above. An edit is a character put in, left out
 * or changed, or two neighbours swapped (Damerau–Levenshtein, each place edited once). Letter case costs nothing.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const wanted = word.toLowerCase();
  let best: string | null = null;
  let limit = word.length <= 3 ? 1 : word.length <= 8 ? 2 : 3;
  for (const candidate of candidates) {
    if (candidate === word) continue;
    const distance = distanceWithin(wanted, candidate.toLowerCase(), limit);
    // Everything of a short word can be edited away: "a" is not a slip of "b".
    if (distance === null || distance >= Math.max(word.length, candidate.length)) continue;
    best = candidate;
    if (distance === 0) break;
    limit = distance - 1;
  }
  return best;
}

/**
 * Returns the edit distance of two words, or null when it is above `limit`.
 *
 * Only the cells within `limit` of the diagonal are computed: a hundred thousand candidates stay cheap.
 */
export function distanceWithin(a: string, b: string, limit: number): number | null {
  if (Math.abs(a.length - b.length) > limit) return null;
  const far = limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => Math.min(column, far));
  for (let row = 1; row <= a.length; row += 1) {
    const from = Math.max(1, row - limit);
    const to = Math.min(b.length, row + limit);
    const current = new Array<number>(b.length + 1).fill(far);
    if (from === 1) current[0] = Math.min(row, far);
    let smallest = current[0]!;
    for (let column = from; column <= to; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column - 1]! + (same ? 0 : 1), last[column]! + 1, current[column - 1]! + 1);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      current[column] = Math.min(cost, far);
      smallest = Math.min(smallest, current[column]!);
    }
    // A swap reaches two rows back, so one row of far cells is not yet the end.
    if (smallest >= far && Math.min(...last.slice(Math.max(0, from - 2), to + 1)) >= far) return null;
    beforeLast = last;
    last = current;
  }
  return last[b.length]! > limit ? null : last[b.length]!;
}
