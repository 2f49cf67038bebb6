/**
 * The version of the language that a file is written in. It stands beside the plan's own `version`, which is the
 * author's: this one is ours, a whole number that grows when an older reader would misread a file.
 */
import { show } from '../quote.js';
import type { Finding } from './diagnostics.js';

/** What this Planwright writes, and the newest that it reads. */
export const SCHEMA_VERSION = 1;

/** Returns what is wrong with a file's `schema_version`, or null. A file without one is of version 1 or older. */
export function schemaVersionFault(value: unknown): Omit<Finding, 'path'> | null {
  if (value === undefined || value === SCHEMA_VERSION) return null;
  const isNewer = typeof value === 'number' && Number.isInteger(value) && value > SCHEMA_VERSION;
  return isNewer
    ? {
        code: 'newer-schema',
        message: `this file is written for schema version ${value}; this Planwright reads up to ${SCHEMA_VERSION}`,
        hint: 'run it with a newer Planwright; nothing here can tell what it would mean',
      }
    : {
        code: 'bad-value',
        message: `"schema_version" must be ${SCHEMA_VERSION}, found ${show(value)}`,
        hint: 'the version of the plan itself is "version"',
      };
}
