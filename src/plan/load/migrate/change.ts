/**
 * What has to be done to an older file, as a list: made from its value, applied to its text.
 */
import type { Json } from '../../plan.js';
import type { PlanPath } from '../places.js';

/** One change of a document, and what it is good for. */
export type Change = { readonly why: string } & (
  | { readonly kind: 'rename'; readonly path: PlanPath; readonly key: string }
  | { readonly kind: 'set'; readonly path: PlanPath; readonly value: Json }
  | { readonly kind: 'remove'; readonly path: PlanPath }
  /** A new key of the object at `path`, before all others or behind them. */
  | {
      readonly kind: 'add';
      readonly path: PlanPath;
      readonly key: string;
      readonly value: Json;
      readonly at: 'front' | 'back';
    }
);

/** Something for the person: what could not be done, or what to look at. */
export interface Remark {
  readonly path: PlanPath;
  readonly message: string;
}

export interface Changes {
  readonly changes: readonly Change[];
  /** The file is not written while there are any. */
  readonly refused: readonly Remark[];
  readonly notes: readonly Remark[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Collects the changes of a document. */
export class ChangeList implements Changes {
  readonly changes: Change[] = [];
  readonly refused: Remark[] = [];
  readonly notes: Remark[] = [];

  refuse(path: PlanPath, message: string): void {
    this.refused.push({ path, message });
  }

  note(path: PlanPath, message: string): void {
    this.notes.push({ path, message });
  }

  /** Gives fields their names of today. A name that is taken already is for the person to settle. */
  rename(fields: Fields, path: PlanPath, names: Readonly<Record<string, string>>): Fields {
    const renamed: Record<string, unknown> = { ...fields };
    for (const [old, key] of Object.entries(names)) {
      if (!Object.hasOwn(fields, old)) continue;
      if (Object.hasOwn(renamed, key)) {
        this.refuse([...path, old], `both "${old}" and "${key}" are there, and one must go`);
        continue;
      }
      this.changes.push({ kind: 'rename', path: [...path, old], key, why: `"${old}" is called "${key}"` });
      renamed[key] = fields[old];
      delete renamed[old];
    }
    return renamed;
  }

  /** Puts a lone text where a list belongs into one. `at` is where it stands in the text. */
  listOf(value: unknown, at: PlanPath, name: string): void {
    if (typeof value === 'string')
      this.changes.push({ kind: 'set', path: at, value: [value], why: `"${name}" is a list` });
  }
}
