/**
 * Plans, bundles and job files as texts. Whoever wrote a repository may have put anything by that name.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** More than any loader takes: enough for it to say so, without taking in a file that never ends. */
const MOST_BYTES = 17 * 1024 * 1024;

/** Reads a file that a person wrote or named: bounded, and no pipe. */
export async function readInputText(file: string): Promise<string> {
  // O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (stats.isFIFO() || stats.isSocket()) throw new Error('it is a pipe, not a file');
    let buffer = Buffer.alloc(Math.min(MOST_BYTES, Math.max(stats.size + 1, 16_384)));
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length === MOST_BYTES) return buffer.toString('utf8', 0, length);
      // Devices say that they have no size.
      if (length === buffer.length) buffer = Buffer.concat([buffer], Math.min(MOST_BYTES, length * 2));
    }
  } finally {
    await handle.close();
  }
}
