/**
 * Cuts texts to a size in bytes of UTF-8, between characters.
 */

/** Returns the end of a text, whole characters only. */
export function lastBytes(text: string, bytes: number): string {
  const all = Buffer.from(text);
  let from = Math.max(0, all.length - bytes);
  while (from < all.length && isInside(all[from])) from++;
  return all.subarray(from).toString();
}

/** Returns the beginning of a text, whole characters only. */
export function firstBytes(text: string, bytes: number): string {
  const all = Buffer.from(text);
  let to = Math.min(all.length, bytes);
  while (to > 0 && isInside(all[to])) to--;
  return all.subarray(0, to).toString();
}

/** Says whether a byte of UTF-8 continues a character. */
const isInside = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
