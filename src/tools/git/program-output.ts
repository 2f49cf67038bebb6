/**
 * What a small program of the system prints.
 */
import { execFile } from 'node:child_process';
import { MAX_LISTING } from './own-git.js';

/** Returns it; null when the program is not there or fails. */
export function programOutput(program: string, args: readonly string[], cwd: string): Promise<Buffer | null> {
  const env = { PATH: process.env['PATH'] };
  const options = { cwd, encoding: 'buffer', maxBuffer: MAX_LISTING, env } as const;
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout) => resolve(error === null ? stdout : null));
  });
}
