/**
 * Sizes in bytes, where an operating system or a server counts bytes.
 */

/** Returns how many bytes the text takes in UTF-8. A lone surrogate counts as the three of its replacement. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    const isPair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00;
    if (isPair) index += 1; // two units, four bytes: 2 of length and the 2 just added
  }
  return bytes;
}
