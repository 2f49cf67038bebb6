/**
 * What a submission says of retries and escalation.
 */
import { DEFAULT_RULES, type EscalationRules } from '../../job/escalation.js';
import {
  DEFAULT_RETRY,
  PRESETS,
  STRATEGIES,
  type Preset,
  type RetryPolicy,
  type Strategy,
} from '../../job/retry.js';
import { nearest } from '../../plan/nearest.js';
import { quote, quoteAll } from '../../plan/quote.js';
import { PlanwrightError } from '../errors.js';

/** A preset's name, or the four values by the names they have in configurations. What is left out is as in the default. */
export type RetrySettings =
  | Preset
  | {
      /** Retries, first attempt not among them. */
      readonly maxAttempts?: number;
      readonly strategy?: Strategy;
      /** Seconds. */
      readonly baseDelay?: number;
      readonly maxDelay?: number;
    };

export interface JobPolicy {
  /** For jobs that say nothing themselves. */
  readonly retryPolicy?: RetrySettings;
  /** Rules beside or instead of the known ones, by tool; false: no job is handed to another tool. */
  readonly escalation?: EscalationRules | false;
}

/** @throws PlanwrightError `bad-request` for a preset or strategy that is none, or a number that cannot be */
export function retryPolicyOf(settings: RetrySettings = 'default'): RetryPolicy {
  if (typeof settings === 'string') return presetOf(settings);
  const { maxAttempts, strategy, baseDelay, maxDelay } = settings;
  if (strategy !== undefined && !STRATEGIES.includes(strategy))
    throw noSuch('retry strategy', strategy, STRATEGIES);
  for (const [name, value] of Object.entries({ maxAttempts, baseDelay, maxDelay })) {
    if (value === undefined || (Number.isFinite(value) && value >= 0)) continue;
    throw new PlanwrightError('bad-request', `"${name}" of a retry policy must be 0 or more, found ${value}`);
  }
  return {
    maxRetries: Math.floor(maxAttempts ?? DEFAULT_RETRY.maxRetries),
    strategy: strategy ?? DEFAULT_RETRY.strategy,
    baseSec: baseDelay ?? DEFAULT_RETRY.baseSec,
    maxSec: Math.max(maxDelay ?? DEFAULT_RETRY.maxSec, 0),
  };
}

function presetOf(name: string): RetryPolicy {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as Preset];
  throw noSuch('retry preset', name, Object.keys(PRESETS));
}

export const rulesOf = (escalation: JobPolicy['escalation']): EscalationRules =>
  escalation === false ? {} : { ...DEFAULT_RULES, ...escalation };

export function noSuch(what: string, name: string, known: readonly string[]): PlanwrightError {
  const guess = nearest(name, known);
  const hint = guess === null ? `there are ${quoteAll([...known], 'and')}` : `did you mean ${quote(guess)}?`;
  return new PlanwrightError('bad-request', `there is no ${what} ${quote(name)}; ${hint}`);
}
