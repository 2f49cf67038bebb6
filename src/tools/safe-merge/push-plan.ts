/**
 * What guarded_push is to publish, from what the steps before it handed on.
 */
import { stateHome } from '../../home.js';
import type { Tips } from './integrate.js';
import { handedOn, mergeOf, type MergeRecord } from './merge-record.js';
import { stopped } from './reasons.js';
import { isLesson, type Lesson, remember } from './remembered.js';
import type { Context } from './tool.js';

/** How conflicts were resolved counts for the next merge once it is published: until then gates may refuse it. */
export async function learn({ env, say }: Context, lessons: readonly Lesson[]): Promise<void> {
  try {
    await remember(stateHome(env), lessons);
  } catch (error) {
    say(`guarded_push: the resolutions could not be kept for the next merge: ${(error as Error).message}`);
  }
}

/** What is to be published. */
export interface Plan {
  readonly action: 'up_to_date' | 'fast_forward' | 'ahead' | 'merged';
  readonly tips: Tips;
  readonly result: string;
  readonly lessons: readonly Lesson[];
}

interface Handed {
  /** The finished merge, or null. */
  readonly result: string | null;
  readonly lessons: readonly unknown[];
}

/** Returns the merge that the steps before finished: at once, by time and resolver, or by a person's decision. */
export async function finishedMerge({ directory }: Context, merge: MergeRecord): Promise<Handed> {
  if (merge.action !== 'conflicts') return { result: merge.result, lessons: [] };
  const settled = await handedOn(directory, 'conflict_settle');
  if (settled !== null && settled.result !== null)
    return { result: settled.result, lessons: settled.lessons ?? [] };
  const finished = await handedOn(directory, 'ai_conflict_resolver');
  return { result: finished?.result ?? null, lessons: finished?.lessons ?? [] };
}

/**
 * Returns what the steps before came to.
 *
 * @throws Stopped when they came to nothing that can be published
 */
export async function planned(context: Context): Promise<Plan> {
  const merge = await mergeOf(context);
  const { result, lessons } = await finishedMerge(context, merge);
  if (result === null || merge.action === 'refused') {
    throw stopped('conflicts_unresolved', 2, {
      code: 'conflicts_unresolved',
      message: 'the merge has conflicts that are not resolved: there is nothing to publish.',
      hint: 'ai_conflict_resolver names them and says what to do.',
    });
  }
  const action = merge.action === 'conflicts' ? 'merged' : merge.action;
  return { action, tips: merge.tips, result, lessons: lessons.filter(isLesson) };
}
