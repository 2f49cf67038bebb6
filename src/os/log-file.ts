/**
 * Logs of processes that run in the background.
 */
import { mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A log that is longer when its writer starts gives way; one older log is kept. */
const FULL_BYTES = 20_000_000;

/** Opens a log for appending and returns its descriptor: for the `stdio` of a process to be started. */
export function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > FULL_BYTES) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}
