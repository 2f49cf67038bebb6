/**
 * The loop of one workstream: checks fail, the tool is called again with the errors, until it is good or there is no point
 * in going on. Every bound counts something that was seen, never what a tool says.
 */
import { shortHash } from './hash.js';
import type { BreakerOverrides } from './workstream.js';

export type CheckStep = 'static' | 'runtime';

/** Bounds of one kind of check. */
export interface StepLimits {
  /** How often it is run in all. */
  readonly maxAttempts: number;
  /** How often the tool is called because of it. */
  readonly maxFixes: number;
}

export interface FixLimits extends StepLimits {
  /** How often one error may be seen before it is given up on; 0: as often as it likes. */
  readonly maxErrorRepeats: number;
  /** The same change so many times among the last `oscillationWindow` ends it; 0: never. Below 2 it means 2: once is no return. */
  readonly oscillationThreshold: number;
  readonly oscillationWindow: number;
  /** Kinds of check whose failure goes back to the tool. */
  readonly fixes: readonly CheckStep[];
  readonly perStep: Readonly<Partial<Record<CheckStep, StepLimits>>>;
}

export const DEFAULT_FIX_LIMITS: FixLimits = {
  maxAttempts: 3,
  maxFixes: 2,
  maxErrorRepeats: 3,
  oscillationThreshold: 2,
  oscillationWindow: 4,
  fixes: ['static', 'runtime'],
  perStep: { runtime: { maxAttempts: 2, maxFixes: 1 } },
};

/** Returns the limits of a workstream: its own words win over the configuration's, for every kind of check. */
export function fixLimitsFor(overrides: BreakerOverrides, limits: FixLimits): FixLimits {
  const { maxAttempts } = overrides;
  return {
    ...limits,
    ...(maxAttempts === null ? {} : { maxAttempts, maxFixes: maxAttempts - 1, perStep: {} }),
    maxErrorRepeats: overrides.maxErrorRepeats ?? limits.maxErrorRepeats,
    oscillationThreshold: overrides.oscillationThreshold ?? limits.oscillationThreshold,
  };
}

/** One error of a check. */
export interface CheckError {
  /** The checker's name for it, or its exit code. */
  readonly code: string;
  readonly message: string;
}

/** What the loop has seen. Plain JSON: it survives a worker and a hand-over. */
export interface FixState {
  readonly attempts: Readonly<Partial<Record<CheckStep, number>>>;
  readonly fixes: Readonly<Partial<Record<CheckStep, number>>>;
  /** How often each error was seen, by its signature. */
  readonly signatures: Readonly<Record<string, number>>;
  /** Hashes of the last changes, the latest last. */
  readonly changes: readonly string[];
}

export const NEW_FIX_STATE: FixState = { attempts: {}, fixes: {}, signatures: {}, changes: [] };

/** Every check of one tree has ended. */
export interface Checked {
  readonly step: CheckStep;
  /** A hash of the whole change so far. */
  readonly changeHash: string;
  /** Empty: the check passed. */
  readonly errors: readonly CheckError[];
}

export type FixMove =
  | { readonly kind: 'go-on' }
  /** Call the tool with these errors, then check again. */
  | { readonly kind: 'fix'; readonly errors: readonly CheckError[] }
  | { readonly kind: 'give-up'; readonly reason: GiveUp };

export type GiveUp =
  | { readonly reason: 'not-fixable'; readonly step: CheckStep }
  | { readonly reason: 'attempts'; readonly step: CheckStep; readonly attempts: number }
  | { readonly reason: 'fixes'; readonly step: CheckStep; readonly fixes: number }
  | { readonly reason: 'same-error'; readonly code: string; readonly times: number }
  | { readonly reason: 'oscillation'; readonly times: number };

const MAX_MESSAGE = 2_000;

/** Returns the name of an error: the same for the same words, whatever blanks stand between them. */
export const signatureOf = ({ code, message }: CheckError): string =>
  shortHash(`${code}\n${message.replace(/\s+/g, ' ').trim().slice(0, MAX_MESSAGE)}`);

/** Takes in the result of a check and says what comes next. */
export function afterCheck(
  state: FixState,
  limits: FixLimits,
  { step, changeHash, errors }: Checked,
): { readonly state: FixState; readonly move: FixMove } {
  const attempts = (state.attempts[step] ?? 0) + 1;
  const seen: FixState = { ...state, attempts: { ...state.attempts, [step]: attempts } };
  if (errors.length === 0) return { state: seen, move: { kind: 'go-on' } };

  const signatures = { ...state.signatures };
  for (const signature of new Set(errors.map(signatureOf)))
    signatures[signature] = (signatures[signature] ?? 0) + 1;
  const changes = [...state.changes, changeHash].slice(-limits.oscillationWindow);
  const known: FixState = { ...seen, signatures, changes };
  const reason = whyGiveUp(known, limits, step, attempts, errors);
  if (reason !== null) return { state: known, move: { kind: 'give-up', reason } };
  const fixes = { ...known.fixes, [step]: (known.fixes[step] ?? 0) + 1 };
  return { state: { ...known, fixes }, move: { kind: 'fix', errors } };
}

function whyGiveUp(
  state: FixState,
  limits: FixLimits,
  step: CheckStep,
  attempts: number,
  errors: readonly CheckError[],
): GiveUp | null {
  const { maxAttempts, maxFixes } = limits.perStep[step] ?? limits;
  if (!limits.fixes.includes(step)) return { reason: 'not-fixable', step };
  // What says most comes first: a tool that goes in circles would use up its attempts as well.
  const last = state.changes.at(-1);
  const times = state.changes.filter((hash) => hash === last).length;
  if (limits.oscillationThreshold > 0 && times >= Math.max(2, limits.oscillationThreshold)) {
    return { reason: 'oscillation', times };
  }
  if (limits.maxErrorRepeats > 0) {
    for (const error of errors) {
      const repeats = state.signatures[signatureOf(error)] ?? 0;
      if (repeats >= limits.maxErrorRepeats)
        return { reason: 'same-error', code: error.code, times: repeats };
    }
  }
  if (attempts >= maxAttempts) return { reason: 'attempts', step, attempts };
  const fixes = state.fixes[step] ?? 0;
  return fixes >= maxFixes ? { reason: 'fixes', step, fixes } : null;
}
