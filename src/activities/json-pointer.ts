/**
 * JSON pointers (RFC 6901).
 */

export type Pointed =
  | { readonly kind: 'found'; readonly value: unknown }
  /** `at` is the longest beginning of the pointer that leads somewhere, `value` what is there. */
  | { readonly kind: 'missing'; readonly at: string; readonly value: unknown };

/** Follows a pointer into a document; `""` is the whole of it. */
export function pointTo(document: unknown, pointer: string): Pointed {
  let value = document;
  let at = '';
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const next = member(value, key);
    if (next === undefined) return { kind: 'missing', at, value };
    value = next;
    at += `/${part}`;
  }
  return { kind: 'found', value };
}

/** Returns a member of a JSON value, or undefined: what an object inherits is no member of it. */
function member(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(key) ? (value[Number(key)] as unknown) : undefined;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}
