/**
 * Reads the output of steps for people on other hosts.
 */
import { constants } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import { ApplicationFailure } from '@temporalio/common';
import { runDirectory } from '../home.js';
import type { LogPiece, ReadLogTask } from './api.js';

/** What fits a message to the server with room to spare, even if it cannot be compressed: base64 takes a third more. */
const MOST_BYTES = 512 * 1024;
const gzip = promisify(gzipCallback);

/**
 * Returns the activity `readLog`, for the queue of this host.
 *
 * May run twice: it only reads.
 */
export const readLogIn =
  (home: string) =>
  async ({ runId, path, from, maxBytes }: ReadLogTask): Promise<LogPiece> => {
    const { file, found } = await openLog(home, runId, path);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw noLog(path, 'it is not a plain file');
      const begin = from >= 0 ? from : Math.max(0, stats.size + from);
      const buffer = Buffer.alloc(Math.max(0, Math.min(maxBytes, MOST_BYTES, stats.size - begin)));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, begin);
      const packed = await gzip(buffer.subarray(0, bytesRead));
      return {
        gzip: packed.toString('base64'),
        ...{ length: bytesRead, path: found, from: begin, size: stats.size },
      };
    } finally {
      await file.close();
    }
  };

async function openLog(
  home: string,
  runId: string,
  path: string,
): Promise<{ readonly file: FileHandle; readonly found: string }> {
  const steps = `${resolve(runDirectory(home, runId), 'steps')}${sep}`;
  const file = await newest(resolve(steps, '..', path));
  // The run's directory also holds its secrets: only what lies with a step's logs, and is named like one, is given out.
  if (!file.startsWith(steps) || !/\.(stdout|stderr)\.log$/.test(file))
    throw noLog(path, 'it is not the log of a step');
  try {
    const opened = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return { file: opened, found: relative(resolve(steps, '..'), file) };
  } catch (error) {
    throw noLog(path, error instanceof Error ? error.message : String(error));
  }
}

/** The attempt that runs is the one started last: who asks cannot know its number. */
async function newest(path: string): Promise<string> {
  const name = basename(path);
  if (!name.startsWith('*.')) return path;
  const ending = name.slice(1);
  const names = await readdir(dirname(path)).catch(() => []);
  const numbers = names.flatMap((each) => (each.endsWith(ending) ? [Number.parseInt(each, 10)] : []));
  return join(dirname(path), `${Math.max(1, ...numbers.filter(Number.isInteger))}${ending}`);
}

const noLog = (path: string, why: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`there is no log "${path}" on this host: ${why}`, 'NoSuchLog');
