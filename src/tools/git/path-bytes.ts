/**
 * Paths in a repository are bytes; ours are strings that carry any bytes without loss.
 *
 * A byte that is not part of valid UTF-8 becomes a lone surrogate (0xE9 → U+DCE9). JSON keeps it as `\udce9`, so that
 * a path survives a report and finds its way back to git.
 */

import { isAscii } from 'node:buffer';

/** Splits git's NUL-terminated output. */
export function* fields(output: Buffer): Generator<Buffer> {
  let from = 0;
  while (from < output.length) {
    const end = output.indexOf(0, from);
    if (end < 0) {
      yield output.subarray(from);
      return;
    }
    yield output.subarray(from, end);
    from = end + 1;
  }
}

/** The same as text. What is not part of a path is ASCII in all that git prints. */
export function texts(output: Buffer): string[] {
  if (!isAscii(output)) return Array.from(fields(output), pathFromBytes);
  const found = output.toString('latin1').split('\0'); // many times faster than one by one
  if (found.at(-1) === '') found.pop();
  return found;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Returns the path that `bytes` spell. */
export function pathFromBytes(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString('latin1'); // most are, and it is several times faster
  try {
    return strict.decode(bytes);
  } catch {
    return lossless(bytes);
  }
}

function lossless(bytes: Buffer): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const size = validAt(bytes, at);
    if (size === 0) {
      text += String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
      at += 1;
    } else {
      text += bytes.toString('utf8', at, at + size);
      at += size;
    }
  }
  return text;
}

/** How many bytes the UTF-8 sequence at `at` has; 0 when there is no valid one. */
function validAt(bytes: Buffer, at: number): number {
  for (let size = 1; size <= 4 && at + size <= bytes.length; size += 1) {
    try {
      strict.decode(bytes.subarray(at, at + size));
      return size;
    } catch {
      // longer, or not valid at all
    }
  }
  return 0;
}

const LONE = /[\udc80-\udcff]/;

/** Returns the bytes of a path made by `pathFromBytes`. */
export function bytesFromPath(path: string): Buffer {
  if (!LONE.test(path)) return Buffer.from(path, 'utf8');
  const parts: Buffer[] = [];
  for (const char of path) {
    const code = char.codePointAt(0) ?? 0;
    parts.push(code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - 0xdc00]) : Buffer.from(char, 'utf8'));
  }
  return Buffer.concat(parts);
}

/** Returns the path of a file of the work tree as bytes, for calls of `node:fs`. */
export function fileBytes(directory: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), bytesFromPath(path)]);
}

/** Returns the path for a person: control characters and stray bytes written out. */
export function shownPath(path: string): string {
  return path.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\udc80-\udcff]/g,
    (char) => {
      const code = char.charCodeAt(0);
      return code >= 0xdc80 && code <= 0xdcff
        ? `\\x${(code - 0xdc00).toString(16)}`
        : `\\u${code.toString(16).padStart(4, '0')}`;
    },
  );
}
