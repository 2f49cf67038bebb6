/**
 * Why an attempt came to no patch that may land, in a line.
 */
import { dollars } from '../../plan/budget.js';
import { undoOf } from '../../tools/git/shared-differences.js';
import { refusalText } from '../../workstream/patch-rules.js';
import type { GiveUp } from '../../workstream/fix-loop.js';
import type { WorkstreamTrouble } from './api.js';

const some = (texts: readonly string[], all: number, most = 3): string =>
  `${texts.slice(0, most).join('; ')}${all > most ? `; and ${all - most} more` : ''}`;

/** Each of them is something that a person has to put right. */
const SHOWN_DIFFERENCES = 6;
const SHOWN_WAYS = 3;

const suspects = (together: readonly string[]): string =>
  together.length === 0 ? '' : ` (it may have been ${together.join(' or ')}: at work at the same time)`;

/** Says a trouble for a person. */
export function troubleText(trouble: WorkstreamTrouble): string {
  switch (trouble.reason) {
    case 'refused-patch':
      return `the patch is refused: ${some(trouble.refusals.map(refusalText), trouble.refusals.length + trouble.omitted)}`;
    case 'shared-state-changed': {
      const { differences, omitted, together } = trouble;
      const what = some(
        differences.map(({ text }) => text),
        differences.length + omitted,
        SHOWN_DIFFERENCES,
      );
      const ways = differences.flatMap((one) => undoOf(one) ?? []).slice(0, SHOWN_WAYS);
      const way = ways.length === 0 ? '' : ` (${ways.join('; ')})`;
      return `outside its work tree, while it worked: ${what}${suspects(together)}; undo what is not yours${way}; only the branch of a landing is set back by itself`;
    }
    case 'worktree-replaced':
      return `the work tree was tampered with: ${trouble.detail}${suspects(trouble.together ?? [])}`;
    case 'neighbour-harmed': {
      const { harmed, proof } = trouble;
      const what = harmed.map(({ step, detail }) => `the work tree of ${step}: ${detail}`).join('; ');
      const why =
        proof === 'alone'
          ? 'nothing else but the two was at work then'
          : 'its output speaks of that work tree';
      return `while it worked, ${what}; ${why}`;
    }
    case 'tool-failed':
      return `the tool ${trouble.meaning === 'quota' ? 'has used up its quota' : 'failed'}: ${trouble.detail}`;
    case 'over-budget':
      return `its budget is used up: ${dollars(trouble.spentUsd)} are spent where ${dollars(trouble.maxUsd)} were left; what was written is kept`;
    case 'tool-not-configured':
      return trouble.detail;
    case 'empty-patch':
      return `the tool said it was done and changed nothing, and these fail: ${some(
        trouble.errors.map(({ code }) => code),
        trouble.errors.length,
      )}`;
    case 'checks-failed':
      return `${giveUpText(trouble.gaveUp)}: ${some(
        trouble.errors.map(({ code }) => code),
        trouble.errors.length,
      )}`;
    case 'setup-failed':
      return `the work tree could not be made ready: ${trouble.detail}`;
    case 'base-conflict':
      return baseConflictText(trouble);
    case 'capture-failed':
      return `what it wrote could not be captured, and stays where it is: ${trouble.detail}`;
    case 'no-worktree':
      return trouble.detail;
    case 'canceled':
      return 'canceled';
    default:
      return trouble satisfies never;
  }
}

function giveUpText(gaveUp: GiveUp): string {
  switch (gaveUp.reason) {
    case 'not-fixable':
      return 'checks failed';
    case 'attempts':
      return `checks failed ${gaveUp.attempts} times`;
    case 'fixes':
      return `checks failed, also after ${gaveUp.fixes} fixes`;
    case 'same-error':
      return `the same error came ${gaveUp.times} times`;
    case 'oscillation':
      return `the tool goes in circles: the same change came ${gaveUp.times} times`;
    default:
      return gaveUp satisfies never;
  }
}

function baseConflictText({
  patch,
  others,
  conflict,
  why,
}: Extract<WorkstreamTrouble, { reason: 'base-conflict' }>): string {
  const all = [...others, patch];
  const whose =
    others.length === 0
      ? `the patch of ${patch} and what lies before it`
      : `the patches of ${all.join(' and ')}`;
  const order = others.length === 0 ? '' : `let ${patch} depend on ${others.join(' and ')}, or `;
  return `it starts from ${whose}, and they have ${conflict.detail}; ${why}. To go on, ${order}name a resolver (landing.conflicts.resolver)`;
}
