/**
 * What makes two submissions the same job.
 */
import { sha256 } from '../digest.js';

/** Returns a digest of a value that does not depend on the order of its keys. */
export const contentHash = (value: unknown): string => sha256(JSON.stringify(ordered(value)));

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, below]) => [key, ordered(below)]),
  );
}
