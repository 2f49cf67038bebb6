/**
 * What a person is asked by an approval step, and what an answer comes to.
 */
import { nearest } from './nearest.js';
import type { ApprovalWork, Choice, Json, Step } from './plan.js';
import { quote, quoteAll } from './quote.js';
import type { Outputs } from './references.js';
import { messageFor } from './references.js';

/** A question as it is put. */
export interface Asked {
  /** Outputs of earlier steps put in. */
  readonly message: string;
  /** Empty: yes or no. */
  readonly choices: readonly Choice[];
  /** When silence is taken for an answer, in milliseconds since 1970. */
  readonly deadlineAt: number;
  /** The choice that silence stands for; null: it stands for no. */
  readonly defaultOnTimeout: string | null;
}

/** Returns what a step asks, or null for one that asks nothing. */
export function askedBy(
  { work, timeoutSec }: Pick<Step, 'work' | 'timeoutSec'>,
  launchedAt: number,
  outputOf: Outputs,
): Asked | null {
  if (work.kind !== 'approval') return null;
  const filled = messageFor(work.message, outputOf);
  return {
    message: filled.kind === 'filled' ? filled.message : work.message,
    choices: work.choices ?? [],
    deadlineAt: launchedAt + timeoutSec * 1000,
    defaultOnTimeout: work.defaultOnTimeout ?? null,
  };
}

/** What somebody answers. */
export interface Answer {
  readonly approved: boolean;
  /** One of the choices; null or left out where there are none, or to say no. */
  readonly choice?: string | null;
  readonly reason: string;
  readonly actor: string;
}

/** Says why an answer does not fit the question, or null when it does. */
export function whyNotAnswer(step: string, work: ApprovalWork, answer: Answer): string | null {
  const choice = answer.choice ?? null;
  const values = (work.choices ?? []).map(({ value }) => value);
  const list = quoteAll(values, 'or');
  if (!answer.approved) {
    return choice === null
      ? null
      : `step ${quote(step)} cannot be rejected and given the choice ${quote(choice)} at once`;
  }
  if (values.length === 0) {
    return choice === null
      ? null
      : `step ${quote(step)} asks for yes or no, and has no choice ${quote(choice)}`;
  }
  if (choice === null) return `step ${quote(step)} asks for a choice: ${list}`;
  if (values.includes(choice)) return null;
  const near = nearest(choice, values);
  const meant = near === null ? '' : `; did you mean ${quote(near)}?`;
  return `step ${quote(step)} has no choice ${quote(choice)}: there are ${list}${meant}`;
}

/** Text from people is kept with the run, and may be put into commands: outputs have their bounds. */
const MAX_REASON = 1_000;
const MAX_ACTOR = 200;

/** Returns the outputs of a step that was answered with yes, or with a choice. */
export const answerOutputs = ({ choice, reason, actor }: Answer): Readonly<Record<string, Json>> => ({
  ...((choice ?? null) === null ? {} : { choice: choice! }),
  approved_by: actor.slice(0, MAX_ACTOR),
  reason: reason.slice(0, MAX_REASON),
});

/** Who answered when nobody did. */
export const TIMEOUT_ACTOR = 'timeout';

/** Returns what silence comes to: the default choice, or null when it means no. */
export function answerOfSilence({ work, timeoutSec }: Pick<Step, 'work' | 'timeoutSec'>): Answer | null {
  if (work.kind !== 'approval' || work.defaultOnTimeout === undefined) return null;
  const reason = `nobody answered within ${timeoutSec} s`;
  return { approved: true, choice: work.defaultOnTimeout, reason, actor: TIMEOUT_ACTOR };
}
