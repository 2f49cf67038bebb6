/**
 * Steps that stand for many: groups made of items, and sub-plans in rounds, in words.
 */
import type { ForEachWork, Step } from '../plan/plan.js';
import type { StepRecord } from '../plan/record.js';
import { asWritten } from '../plan/late.js';
import { oneLine } from './text/neutralise.js';
import { count, plural } from './text/time.js';

/** Says for how many items, or where they come from: `for each of 3 items`. */
export function itemsText({ items, maxItems }: ForEachWork): string {
  if (typeof items !== 'string') return `for each of ${plural(items.length, 'item')}`;
  return `for each of ${oneLine(asWritten(items))}, at most ${count(maxItems)}`;
}

/** Returns how many items or rounds a step stands for, for a drawing: `× 12`, `× up to 100`; empty for all others. */
export function timesText({ work }: Step, record: StepRecord | null): string {
  if (work.kind === 'for_each') {
    const known = record?.outputs['count'];
    if (typeof known === 'number') return `× ${count(known)}`;
    return typeof work.items === 'string'
      ? `× up to ${count(work.maxItems)}`
      : `× ${count(work.items.length)}`;
  }
  if (work.kind !== 'plan' || work.repeat === undefined) return '';
  const rounds = record?.outputs['rounds'];
  return typeof rounds === 'number' ? `× ${rounds}` : `× up to ${work.repeat.maxRounds}`;
}

/** Says what a step that ended well came to, or is empty: `12 items`, `2 rounds`, `3 landed`. */
export function cameTo({ work }: Step, { outputs }: StepRecord): string {
  const { count: items, succeeded, rounds, counts } = outputs;
  if (work.kind === 'landing') return typeof counts === 'string' ? oneLine(counts) : '';
  if (work.kind === 'for_each' && typeof items === 'number') {
    const isWhole = typeof succeeded !== 'number' || succeeded === items;
    return isWhole ? plural(items, 'item') : `${count(succeeded)} of ${plural(items, 'item')}`;
  }
  return work.kind === 'plan' && typeof rounds === 'number' ? plural(rounds, 'round') : '';
}
