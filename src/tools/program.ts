/**
 * Telling a module that is run from one that is imported.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Tells whether Node was started with the module of this `import.meta.url`. */
export function isProgram(url: string): boolean {
  const started = process.argv[1];
  if (started === undefined) return false;
  try {
    return realpathSync(started) === realpathSync(fileURLToPath(url));
  } catch {
    return false; // started from something that is no file
  }
}
