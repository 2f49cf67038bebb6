/**
 * What reading a plan file's text comes to, whatever its format.
 */
import type { Locator, Place } from './places.js';

/** Something wrong with the text itself. */
export interface Fault {
  readonly code:
    | 'too-large'
    | 'encoding'
    | 'syntax'
    | 'too-deep'
    | 'duplicate-key'
    | 'forbidden-key'
    | 'bad-number'
    | 'yaml-feature';
  readonly severity: 'error' | 'warning';
  readonly place: Place;
  readonly message: string;
  readonly hint: string | null;
}

/** A document that was read. `usable` is false when the faults leave no value to look at. */
export interface Source {
  readonly usable: boolean;
  /** Characters of the text, or of what its aliases stand for, if that is more. */
  readonly length: number;
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** Asked for only when there is something to point at: for JSON it costs a second reading. */
  readonly locate: () => Promise<Locator>;
}

/**
 * The most lists and objects inside each other. The format itself needs six; the bound keeps every later walk of a
 * document off the limits of the stack.
 */
export const MAX_DEPTH = 64;

/** Keys of one object. The largest that plans have are environments. */
export const MAX_KEYS = 10_000;

/** The one key that changes what an object is in JavaScript. */
export const FORBIDDEN_KEY = {
  code: 'forbidden-key',
  message: 'the key "__proto__" is not allowed in a plan',
  hint: 'choose another name',
} as const;
