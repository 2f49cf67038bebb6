/**
 * The end of an output, for people: what a failed command said last.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { firstBytes, lastBytes } from './utf8-cut.js';

const MAX_BYTES = 4096;

/** Returns the last words of standard error, else of standard output: trimmed, at most 4 KB of UTF-8. */
export function tailOf(stderr: string, stdout: string): string {
  return lastWords(stderr) || lastWords(stdout);
}

function lastWords(file: string): string {
  const bytes = lastOf(file, MAX_BYTES);
  let from = 0;
  // A character that the cut went through is left out; bytes that are no UTF-8 show as U+FFFD.
  while (from < 4 && from < bytes.length && ((bytes[from] ?? 0) & 0xc0) === 0x80) from++;
  const text = bytes.subarray(from).toString().trim();
  return firstBytes(lastBytes(text, MAX_BYTES), MAX_BYTES);
}

/** Reads the last bytes of a file; none when there is no such file. */
export function lastOf(path: string, bytes: number): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return Buffer.alloc(0); // its stream was never opened
  }
  try {
    const from = Math.max(0, fstatSync(file).size - bytes);
    const buffer = Buffer.alloc(bytes);
    return buffer.subarray(0, readSync(file, buffer, 0, bytes, from));
  } finally {
    closeSync(file);
  }
}
