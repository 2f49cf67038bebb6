/**
 * Which ended steps the ones still to come may ask for: what a later leg of a run must know of the earlier ones.
 */
import type { Plan, Step, Work } from './plan.js';
import { referencesIn } from './references.js';

const WORD = /[A-Za-z0-9_.-]+/g;

/**
 * Returns whether some of these steps may read what the step with this id came to.
 *
 * Of a condition every word counts, so that nobody has to parse it here: a step more is known, never one less.
 */
export function mayBeReadBy(steps: readonly Step[], plan: Plan): (id: string) => boolean {
  const names = new Set<string>();
  let isAnything = false;
  for (const { condition, work } of steps) {
    if (condition !== null && !addNames(condition, names)) isAnything = true;
    const whole = work.kind === 'command' ? { ...work, env: { ...plan.env, ...work.env } } : work;
    for (const { step } of referencesIn(whole)) names.add(step);
    for (const step of patchesReadBy(work)) names.add(step);
  }
  return (id) => isAnything || names.has(id);
}

/** Returns whether an expression may name a step. */
export function namesIn(expression: string): (id: string) => boolean {
  const names = new Set<string>();
  const isKnown = addNames(expression, names);
  return (id) => !isKnown || names.has(id);
}

/** Adds what may be names in an expression. Returns false when it may name anything: a name can be written with escapes. */
function addNames(expression: string, names: Set<string>): boolean {
  for (const word of expression.match(WORD) ?? [])
    for (const name of [word, ...word.split('.')]) names.add(name);
  return !expression.includes('\\');
}

/** Returns the workstreams whose patches a step takes. */
export function patchesReadBy(work: Work): readonly string[] {
  if (work.kind === 'workstream') return [...new Set([...work.startsWith, ...work.after])];
  return work.kind === 'landing' ? work.patches.map(({ workstream }) => workstream) : [];
}
