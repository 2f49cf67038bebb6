/** The checkout the tests belong to. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const root = dirname(import.meta.dirname);

/** Returns the text of a file of the checkout. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');
