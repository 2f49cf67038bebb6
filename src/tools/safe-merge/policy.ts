/**
 * The merge policy: which class a file belongs to, and which classes the newer side may win.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { packageRoot } from '../../package.js';
import { CLASSES, type FileClass, type Rules, rulesOf } from './classes.js';
import { BadGlob, glob } from './globs.js';
import { type PolicyDocument, readDocument } from './policy-document.js';

export interface Policy {
  /** Where it was read, for a person. */
  readonly from: string;
  /** Of what counts in it: two policies with the same digest decide alike. */
  readonly digest: string;
  readonly rules: Rules;
  readonly timestampSafe: readonly FileClass[];
  readonly neverTimestamp: readonly FileClass[];
  readonly warnings: readonly string[];
}

/** All that is wrong with a policy file. */
export class BadPolicy extends Error {
  override readonly name = 'BadPolicy';
  constructor(
    readonly from: string,
    readonly faults: readonly string[],
  ) {
    super(`${from}: ${faults.join('; ')}`);
  }
}

const MAX_BYTES = 256 * 1024;

/** The policy that comes with Planwright. */
export const SHIPPED_POLICY = join(packageRoot(), 'config', 'merge_policy.yaml');

/** Reads the shipped policy. */
export async function shippedPolicy(): Promise<Policy> {
  return policyOf(await readFile(SHIPPED_POLICY, 'utf8'), SHIPPED_POLICY, null);
}

/**
 * Reads a policy text. Classes and lists it does not name are those of `base`.
 *
 * @throws BadPolicy
 */
export function policyOf(text: string, from: string, base: Policy | null): Policy {
  const read = documentOf(text, from);
  const rules = rulesOf((name) => read.file_classes?.[name] ?? base?.rules[name] ?? []);
  const timestampSafe = read.timestamp_safe_classes ?? base?.timestampSafe ?? [];
  const neverTimestamp = read.never_timestamp_classes ?? base?.neverTimestamp ?? [];
  const faults = [...patternFaults(rules), ...listFaults(timestampSafe, neverTimestamp)];
  for (const name of CLASSES) if (rules[name].length === 0) faults.push(`class "${name}" has no pattern`);
  if (faults.length > 0) throw new BadPolicy(from, faults);
  const digest = createHash('sha256')
    .update(JSON.stringify([rules, timestampSafe, neverTimestamp]))
    .digest('hex');
  return {
    from,
    digest,
    rules,
    timestampSafe,
    neverTimestamp,
    warnings: unusual(timestampSafe, neverTimestamp),
  };
}

function documentOf(text: string, from: string): PolicyDocument {
  if (Buffer.byteLength(text) > MAX_BYTES)
    throw new BadPolicy(from, [`it is larger than ${MAX_BYTES} bytes`]);
  let value: unknown;
  try {
    // No aliases: a few lines of them grow without bound.
    value = parseYaml(text, { maxAliasCount: 0, uniqueKeys: true, version: '1.2', schema: 'core' });
  } catch (error) {
    throw new BadPolicy(from, [`it is not YAML: ${(error as Error).message.split('\n')[0] ?? ''}`]);
  }
  const read = readDocument(value);
  if ('length' in read) throw new BadPolicy(from, read);
  return read;
}

function patternFaults(rules: Rules): string[] {
  const faults: string[] = [];
  for (const name of CLASSES) {
    for (const text of rules[name]) {
      try {
        glob(text.replace(/^!/, ''));
      } catch (error) {
        if (!(error instanceof BadGlob)) throw error;
        faults.push(`class "${name}": ${JSON.stringify(text)} is not a pattern: ${error.message}`);
      }
    }
  }
  return faults;
}

function listFaults(safe: readonly FileClass[], never: readonly FileClass[]): string[] {
  const both = safe.filter((name) => never.includes(name));
  const faults = both.map((name) => `class "${name}" is both timestamp-safe and never`);
  if (safe.includes('do_not_merge')) faults.push('class "do_not_merge" cannot be timestamp-safe');
  return faults;
}

function unusual(safe: readonly FileClass[], never: readonly FileClass[]): string[] {
  const warnings = safe
    .filter((name) => name === 'human_text' || name === 'config_sensitive')
    .map(
      (name) => `conflicts in "${name}" files are decided by time alone: the older side's work is dropped`,
    );
  const open = CLASSES.filter((name) => !safe.includes(name) && !never.includes(name));
  return [...warnings, ...open.map((name) => `class "${name}" is in neither list: it is left to a person`)];
}
