/**
 * The values a plan is loaded with: what its `variables` declare, what the start gave.
 */
import { whyNotType, type LateLimit } from '../late.js';
import { quote, quoteAll, show } from '../quote.js';
import { utf8Length } from '../utf8.js';
import type { Finding, Findings } from './diagnostics.js';
import { compilePattern, MAX_MATCHED } from './pattern.js';
import type { VariableDocument } from './schema.js';
import { VARIABLE_NAME } from './template.js';

/** A finding about a value that was given: whoever gave it knows the place. */
export type GivenFinding = Omit<Finding, 'path' | 'at'>;

/** Values from outside: of `--var`, or of the step that uses this plan as a sub-plan. */
export interface GivenVariables {
  readonly values: Readonly<Record<string, string>>;
  readonly report: (name: string, finding: GivenFinding) => void;
  /** Names that have a value only when the plan starts: it is a sub-plan. */
  readonly late?: readonly string[];
  /** Where a value is missed: at its declaration, or where it should have been given. */
  readonly missingAt: 'declaration' | 'giver';
  /** How a value is given, for hints: `--var NAME=…`. */
  readonly howToGive: (name: string) => string;
}

export interface VariableScope {
  /** What `${NAME}` becomes. No secrets. */
  readonly values: ReadonlyMap<string, string>;
  readonly secrets: ReadonlySet<string>;
  /** Names whose values come when the plan starts, and what those may be. */
  readonly late: ReadonlyMap<string, LateLimit>;
  /** Names the plan declares; null when it declares none, and then any may be given. */
  readonly declared: ReadonlySet<string> | null;
  /** Names whose values the author has limited by `pattern` or `enum`. */
  readonly vetted: ReadonlySet<string>;
}

/** One argument of a process can be no longer, so a value that is cannot be used. */
const MAX_VALUE_BYTES = 131_071;
/** All of them travel with the plan. */
const MAX_TOTAL_BYTES = 256 * 1024;

/** Settles what each variable is. The values of secrets are checked, and then forgotten. */
export function resolveVariables(
  declarations: Readonly<Record<string, VariableDocument>> | undefined,
  given: GivenVariables,
  findings: Findings,
): VariableScope {
  const values = new Map<string, string>();
  const secrets = new Set<string>();
  const late = new Map<string, LateLimit>((given.late ?? []).map((name) => [name, {}]));
  const vetted = new Set<string>();
  const declared = new Map(Object.entries(declarations ?? {}));
  const givenValues = new Map(
    Object.entries(given.values).filter(([name, value]) => isUsable(name, value, given)),
  );

  for (const [name, declaration] of declared) {
    const allows = limitOf(name, declaration, findings);
    const isTyped = declaration.type !== 'string';
    if (declaration.pattern !== undefined || declaration.enum !== undefined || isTyped) vetted.add(name);
    if (declaration.secret) secrets.add(name);
    const report = (finding: GivenFinding): void => given.report(name, finding);
    const value = givenValues.get(name);
    if (late.has(name)) {
      const complaint = whyNotLate(name, declaration);
      if (complaint !== null) report(complaint);
      late.set(name, lateLimitOf(declaration));
    } else if (value !== undefined) {
      const complaint = allows(value);
      if (complaint !== null) report(complaint);
      if (!declaration.secret) values.set(name, value);
    } else if (declaration.default !== undefined) {
      const path = ['variables', name, 'default'];
      const complaint = declaration.secret ? DEFAULT_OF_SECRET : allows(declaration.default);
      if (complaint !== null) findings.add({ ...complaint, path });
      if (!declaration.secret) values.set(name, declaration.default);
    } else if (declaration.required && !declaration.secret) {
      // A required secret may be known to the worker alone: it says so when it is not.
      const missing = missingFinding(name, declaration, given);
      if (given.missingAt === 'giver') report(missing);
      else findings.add({ ...missing, path: ['variables', name], at: 'key' });
    }
  }
  for (const [name, value] of givenValues) if (!declared.has(name)) values.set(name, value);

  let bytes = 0;
  for (const [name, value] of values) bytes += name.length + utf8Length(value);
  if (bytes > MAX_TOTAL_BYTES) {
    const message = `the values of all variables are ${bytes} bytes; they may be ${MAX_TOTAL_BYTES}`;
    findings.add({ code: 'too-large', path: ['variables'], message, hint: 'pass large values as files' });
  }
  const names = declarations === undefined ? null : new Set(declared.keys());
  return { values, secrets, late, declared: names, vetted };
}

function lateLimitOf({ type, minimum, maximum, enum: values }: VariableDocument): LateLimit {
  return {
    ...(type === 'string' ? {} : { type }),
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(values === undefined ? {} : { enum: values }),
  };
}

/** A value that nobody knows yet is looked at when it comes, by a workflow: that has no patterns. */
function whyNotLate(name: string, { secret, pattern }: VariableDocument): GivenFinding | null {
  if (!secret && pattern === undefined) return null;
  const what = secret ? 'is a secret' : 'has a pattern';
  return {
    code: 'bad-variable',
    message: `variable ${quote(name)} ${what}, and cannot be given an output`,
    hint: secret
      ? 'the sub-plan finds its secrets by itself'
      : 'declare it with "type" or "enum", or give it a fixed value',
  };
}

const DEFAULT_OF_SECRET: GivenFinding = {
  code: 'misplaced-secret',
  message: 'a secret has no default: the plan file is not a place to keep one',
  hint: 'take it out; the worker looks the value up',
};

function missingFinding(name: string, declaration: VariableDocument, given: GivenVariables): GivenFinding {
  const purpose = declaration.description === undefined ? '' : ` (${declaration.description})`;
  return {
    code: 'missing-variable',
    message: `variable ${quote(name)}${purpose} is required and has no value`,
    hint: `give it with ${given.howToGive(name)}`,
  };
}

function isUsable(name: string, value: unknown, given: GivenVariables): boolean {
  const refuse = (message: string, hint: string | null): boolean => {
    given.report(name, { code: 'bad-variable', message, hint });
    return false;
  };
  if (!VARIABLE_NAME.test(name) || name === '__proto__') {
    return refuse(`${quote(name)} cannot be the name of a variable`, 'names have letters, digits and "_"');
  }
  if (typeof value !== 'string')
    return refuse(`the value of ${quote(name)} must be a text, found ${show(value)}`, null);
  if (value.includes('\0')) {
    return refuse(`the value of ${quote(name)} holds a NUL character`, 'no process can be given one');
  }
  const bytes = utf8Length(value);
  return bytes <= MAX_VALUE_BYTES
    ? true
    : refuse(
        `the value of ${quote(name)} is ${bytes} bytes; it may be ${MAX_VALUE_BYTES}`,
        'pass large values as files',
      );
}

/** Returns the check of a variable's values: what is wrong with one, or null. */
function limitOf(
  name: string,
  declaration: VariableDocument,
  findings: Findings,
): (value: string) => GivenFinding | null {
  const compiled = declaration.pattern === undefined ? null : compilePattern(declaration.pattern);
  if (typeof compiled === 'string') {
    const message = `variable ${quote(name)}: the pattern ${quote(declaration.pattern!)} cannot be used: ${compiled}`;
    findings.add({ code: 'bad-variable', path: ['variables', name, 'pattern'], message });
  }
  const found = (value: string): string => (declaration.secret ? 'its value' : quote(value));
  const bad = (message: string, hint: string | null = null): GivenFinding => ({
    code: 'bad-variable',
    message,
    hint,
  });
  checkBounds(name, declaration, findings);
  return (value) => {
    const wrongType = whyNotType(value, lateLimitOf(declaration), `variable ${quote(name)}: ${found(value)}`);
    if (wrongType !== null) return bad(wrongType);
    if (declaration.enum !== undefined && !declaration.enum.includes(value)) {
      const hint = declaration.secret ? null : findings.didYouMean(value, declaration.enum);
      return bad(
        `variable ${quote(name)}: ${found(value)} is not one of ${quoteAll(declaration.enum, 'or')}`,
        hint,
      );
    }
    if (compiled === null || typeof compiled === 'string') return null;
    if (value.length > MAX_MATCHED) {
      return bad(
        `variable ${quote(name)}: with a pattern a value may have ${MAX_MATCHED} characters, found ${value.length}`,
      );
    }
    const pattern = quote(declaration.pattern!);
    return compiled.matches(value)
      ? null
      : bad(`variable ${quote(name)}: ${found(value)} does not match its pattern ${pattern}`);
  };
}

function checkBounds(name: string, { type, minimum, maximum }: VariableDocument, findings: Findings): void {
  const add = (field: string, message: string): void =>
    findings.add({
      code: 'conflict',
      path: ['variables', name, field],
      message: `variable ${quote(name)}: ${message}`,
    });
  const isNumber = type === 'integer' || type === 'number';
  for (const [field, bound] of Object.entries({ minimum, maximum })) {
    if (bound !== undefined && !isNumber) add(field, `"${field}" is for "type": "integer" or "number"`);
  }
  if (minimum !== undefined && maximum !== undefined && minimum > maximum)
    add('minimum', '"minimum" is more than "maximum"');
}

/** Reports values that were given and that nothing takes. */
export function addUnknownGiven(
  scope: VariableScope,
  given: GivenVariables,
  used: ReadonlySet<string>,
  findings: Findings,
): void {
  const { declared } = scope;
  if (declared === null) return;
  for (const name of [...Object.keys(given.values), ...scope.late.keys()]) {
    if (declared.has(name) || used.has(name) || !(scope.values.has(name) || scope.late.has(name))) continue;
    given.report(name, {
      code: 'unknown-variable',
      message: `variable ${quote(name)} was given a value, but this plan has no such variable`,
      hint: findings.didYouMean(name, declared) ?? hintOf(declared),
    });
  }
}

const hintOf = (declared: ReadonlySet<string>): string =>
  declared.size === 0 ? 'it declares none' : `it declares ${quoteAll([...declared], 'and')}`;
