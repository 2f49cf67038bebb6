/**
 * What the schema finds wrong with a document, in words; and the keys that the schema does not know.
 */
import * as z from 'zod';
import { quote, quoteAll, show } from '../quote.js';
import type { Finding, Findings } from './diagnostics.js';
import type { PlanPath } from './places.js';

type Issue = z.core.$ZodIssue;

/**
 * Reports the issues of one reading.
 *
 * @param base - where in the document the value that was read stands
 * @param subject - who is meant, such as `step "build"`, or the empty text
 */
export function addIssues(
  findings: Findings,
  issues: readonly Issue[],
  raw: unknown,
  base: PlanPath,
  subject: string,
): void {
  for (const issue of issues) {
    findings.add(findingOf(findings, issue, raw, base, subject === '' ? '' : `${subject}: `));
  }
}

function findingOf(findings: Findings, issue: Issue, raw: unknown, base: PlanPath, prefix: string): Finding {
  const within = issue.path.filter((part) => typeof part !== 'symbol');
  const path = [...base, ...within];
  const name = fieldName(within);
  if (issue.code === 'invalid_key') {
    const phrase = issue.issues[0]?.message ?? 'another name';
    const holder = fieldName(within.slice(0, -1));
    const message = `${prefix}the name ${quote(String(within.at(-1)))} in ${quote(holder)} must be ${phrase}`;
    return { code: 'bad-value', path, at: 'key', message };
  }
  if (issue.code === 'unrecognized_keys') {
    const message = `${prefix}${quote(name)} has the unknown key ${quoteAll(issue.keys, 'and')}`;
    return { code: 'bad-value', path, message };
  }
  const found = valueAt(raw, within);
  if (found === undefined) {
    return { code: 'missing-field', path, message: `${prefix}missing required field: ${name}` };
  }
  const subject = name === '' ? `${prefix || 'a plan '}must be` : `${prefix}${quote(name)} must be`;
  return {
    code: 'bad-value',
    path,
    message: `${subject} ${issue.message}, found ${show(found)}`,
    hint: hintFor(findings, issue, found),
  };
}

function hintFor(findings: Findings, issue: Issue, found: unknown): string | null {
  const options = optionsOf(issue);
  if (options.length > 0 && typeof found === 'string') {
    return findings.didYouMean(found, options);
  }
  if (issue.code !== 'invalid_type') return null;
  if (issue.expected === 'string' && (typeof found === 'number' || typeof found === 'boolean')) {
    return `write it in quotes: "${found}"`;
  }
  if (issue.expected === 'array' && typeof found === 'string') return `write a list: [${quote(found)}]`;
  const wantsPlain = issue.expected === 'int' || issue.expected === 'number' || issue.expected === 'boolean';
  return wantsPlain && typeof found === 'string' ? 'write it without quotes' : null;
}

/** Returns the values that would have been right, where there are only a few. */
function optionsOf(issue: Issue): string[] {
  if (issue.code === 'invalid_value') return issue.values.filter((value) => typeof value === 'string');
  if (issue.code === 'invalid_union') return issue.errors.flatMap((branch) => branch.flatMap(optionsOf));
  return [];
}

/** Returns a path as authors write it: `retry.max_attempts`, `args[2]`. */
const fieldName = (path: PlanPath): string =>
  path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('');

function valueAt(value: unknown, path: PlanPath): unknown {
  let at: unknown = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string | number, unknown>)[part];
  }
  return at;
}

/** The keys that the objects of a document may have. Free forms are not in it. */
export interface KnownKeys {
  readonly keys: ReadonlySet<string>;
  /** For an object below a key; `each` says that the object holds such objects under names of its own. */
  readonly below: ReadonlyMap<string, { readonly each: boolean; readonly known: KnownKeys }>;
}

/** Free form by definition, though some of its keys are read. */
const FREE_FORM = new Set(['ui_hints', 'metadata']);

/** Reads the known keys out of a schema. */
export function knownKeys(schema: z.ZodObject): KnownKeys {
  const below = new Map<string, { each: boolean; known: KnownKeys }>();
  for (const [key, field] of Object.entries(schema.shape)) {
    const inner = unwrapped(field);
    if (FREE_FORM.has(key)) continue;
    if (inner instanceof z.ZodObject) below.set(key, { each: false, known: knownKeys(inner) });
    if (!(inner instanceof z.ZodRecord)) continue;
    const each = unwrapped(inner.valueType);
    if (each instanceof z.ZodObject) below.set(key, { each: true, known: knownKeys(each) });
  }
  return { keys: new Set(Object.keys(schema.shape)), below };
}

function unwrapped(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodNullable) {
    inner = inner.unwrap();
  }
  return inner;
}

/** Of one object: who has that many has another kind of file. */
const MAX_UNKNOWN = 100;

/**
 * Warns of keys that nothing reads: a slip such as `retrys` must not go unseen.
 *
 * @param elsewhere - what is to be said of a key that is not unknown but out of place; null for all others
 */
export function addUnknownKeys(
  findings: Findings,
  value: unknown,
  known: KnownKeys,
  path: PlanPath,
  subject: string,
  elsewhere: (key: string) => Pick<Finding, 'code' | 'message' | 'hint'> | null = () => null,
): void {
  if (!isObject(value)) return;
  let unknown = 0;
  for (const key of Object.keys(value)) {
    const below = known.below.get(key);
    const inner = value[key];
    if (below !== undefined && below.each && isObject(inner)) {
      for (const name of Object.keys(inner)) {
        addUnknownKeys(
          findings,
          inner[name],
          below.known,
          [...path, key, name],
          `${subject}${key} ${quote(name)}: `,
        );
      }
    } else if (below !== undefined && !below.each) {
      addUnknownKeys(findings, inner, below.known, [...path, key], `${subject}${quote(key)}: `);
    }
    if (known.keys.has(key)) continue;
    const misplaced = elsewhere(key);
    if (misplaced !== null) {
      findings.add({
        ...misplaced,
        path: [...path, key],
        at: 'key',
        message: `${subject}${misplaced.message}`,
      });
      continue;
    }
    unknown += 1;
    if (unknown > MAX_UNKNOWN) return;
    findings.add({
      code: 'unknown-key',
      severity: 'warning',
      path: [...path, key],
      at: 'key',
      message: `${subject}unknown key ${quote(key)} is ignored`,
      hint: findings.didYouMean(key, known.keys) ?? `known are ${quoteAll([...known.keys], 'and', 30)}`,
    });
  }
}

/** Says whether a value of a document is an object with keys. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
