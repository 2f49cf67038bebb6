/**
 * The name that git gives to bytes.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Repository } from './repository.js';

type Format = Repository['objectFormat'];

/** Returns the id of a blob that holds these bytes. */
export const blobId = (bytes: Buffer, format: Format): string =>
  createHash(format).update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** Returns the id of a blob that holds what a file does, which may be more than memory. */
export async function blobIdOf(file: Buffer, format: Format): Promise<string> {
  const hash = createHash(format).update(`blob ${(await stat(file)).size}\0`);
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
