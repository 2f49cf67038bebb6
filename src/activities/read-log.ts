/**
 * Reads the output of steps for people on other hosts.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { runDirectory } from '../home.js';
import type { LogPiece, ReadLogTask } from './api.js';

/** What fits a message to the server with room to spare: base64 takes a third more. */
const MOST_BYTES = 512 * 1024;

/**
 * Returns the activity `readLog`, for the queue of this host.
 *
 * May run twice: it only reads.
 */
export const readLogIn =
  (home: string) =>
  async ({ runId, path, from, maxBytes }: ReadLogTask): Promise<LogPiece> => {
    const file = await openLog(home, runId, path);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw noLog(path, 'it is not a plain file');
      const begin = from >= 0 ? from : Math.max(0, stats.size + from);
      const buffer = Buffer.alloc(Math.max(0, Math.min(maxBytes, MOST_BYTES, stats.size - begin)));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, begin);
      return { base64: buffer.subarray(0, bytesRead).toString('base64'), from: begin, size: stats.size };
    } finally {
      await file.close();
    }
  };

async function openLog(home: string, runId: string, path: string): ReturnType<typeof open> {
  const steps = `${resolve(runDirectory(home, runId), 'steps')}${sep}`;
  const file = resolve(steps, '..', path);
  // The run's directory also holds its secrets: only what lies with a step's logs, and is named like one, is given out.
  if (!file.startsWith(steps) || !/\.(stdout|stderr)\.log$/.test(file))
    throw noLog(path, 'it is not the log of a step');
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw noLog(path, error instanceof Error ? error.message : String(error));
  }
}

const noLog = (path: string, why: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`there is no log "${path}" on this host: ${why}`, 'NoSuchLog');
