/**
 * Reading the file of a patch: its size, its hash, its hunks.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export interface PatchFile {
  readonly bytes: number;
  readonly sha256: string;
  readonly hunks: number;
}

const HUNK = Buffer.from('\n@@ -');

/** Reads a patch once through; it may be larger than memory. */
export async function readPatchFile(path: string): Promise<PatchFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  let hunks = 0;
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    // Lines of content open with a blank, "+", "-" or "\": no hunk's head is among them.
    const text = Buffer.concat([rest, chunk]);
    for (let at = text.indexOf(HUNK); at >= 0; at = text.indexOf(HUNK, at + 1)) hunks += 1;
    rest = text.subarray(Math.max(0, text.length - HUNK.length + 1));
  }
  return { bytes, sha256: hash.digest('hex'), hunks };
}
