/**
 * The values a plan is loaded with: what its `variables` declare, what the start gave.
 */
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
  /** Where a value is missed: at its declaration, or where it should have been given. */
  readonly missingAt: 'declaration' | 'giver';
  /** How a value is given, for hints: `--var NAME=…`. */
  readonly howToGive: (name: string) => string;
}

export interface VariableScope {
  /** What `${NAME}` becomes. No secrets. */
  readonly values: ReadonlyMap<string, string>;
  readonly secrets: ReadonlySet<string>;
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
  const vetted = new Set<string>();
  const declared = new Map(Object.entries(declarations ?? {}));
  const givenValues = new Map(
    Object.entries(given.values).filter(([name, value]) => isUsable(name, value, given)),
  );

  for (const [name, declaration] of declared) {
    const allows = limitOf(name, declaration, findings);
    if (declaration.pattern !== undefined || declaration.enum !== undefined) vetted.add(name);
    if (declaration.secret) secrets.add(name);
    const report = (finding: GivenFinding): void => given.report(name, finding);
    const value = givenValues.get(name);
    if (value !== undefined) {
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
  return { values, secrets, declared: declarations === undefined ? null : new Set(declared.keys()), vetted };
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
  return (value) => {
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

/** Reports values that were given and that nothing takes. */
export function addUnknownGiven(
  scope: VariableScope,
  given: GivenVariables,
  used: ReadonlySet<string>,
  findings: Findings,
): void {
  const { declared } = scope;
  if (declared === null) return;
  for (const name of Object.keys(given.values)) {
    if (declared.has(name) || used.has(name) || !scope.values.has(name)) continue;
    given.report(name, {
      code: 'unknown-variable',
      message: `variable ${quote(name)} was given a value, but this plan has no such variable`,
      hint: findings.didYouMean(name, declared) ?? hintOf(declared),
    });
  }
}

const hintOf = (declared: ReadonlySet<string>): string =>
  declared.size === 0 ? 'it declares none' : `it declares ${quoteAll([...declared], 'and')}`;
