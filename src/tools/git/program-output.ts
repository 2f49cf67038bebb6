/**
 * What a small program of the system prints.
 */
import { runProgram } from '../process/run-program.js';
import { MAX_LISTING } from './own-git.js';

/** Returns it; null when the program is not there or fails. */
export async function programOutput(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<Buffer | null> {
  const env = { PATH: process.env['PATH'] ?? '' };
  const end = await runProgram({ program, args, cwd, env, input: null, maxBytes: MAX_LISTING }).ended;
  return end.exitCode === 0 && !end.tooMuch ? end.stdout : null;
}
