/**
 * Places under `maxConcurrency` of running steps that wait for a tool: they hold none meanwhile, and have one again before
 * they go on. What could only wait for the same tool is not started behind them.
 */
import type { Attempt } from './attempt.js';
import { queue } from './follow.js';
import type { Json, Step } from './plan.js';
import type { Run } from './run.js';
import { touch } from './run.js';

/** A running step without a place. */
export interface Aside {
  readonly from: GoesOnFrom;
  /** It waits for nothing but a place. */
  readonly wants: boolean;
}

/** How far a step has come that waits for a tool: a later leg of the run goes on from there. Plain JSON. */
export interface GoesOnFrom {
  readonly attempts: readonly Attempt[];
  /** How often it was tried, as its retries count. */
  readonly tries: number;
  /** Whose turn it is, by index. */
  readonly tool: number;
  readonly spentUsd: number | null;
  /** Of its last attempt. */
  readonly outputs: Readonly<Record<string, Json>>;
}

/** Gives a running step's place to others until `takePlace`. */
export function stepAside(run: Run, index: number, from: GoesOnFrom): void {
  const before = run.aside.get(index);
  run.aside.set(index, { from, wants: false });
  if (before === undefined) run.slotsUsed -= 1;
}

/** Returns whether a step has a place: the one that it kept, or one that is free now; else it gets the next. */
export function takePlace(run: Run, index: number, at: number): boolean {
  const aside = run.aside.get(index);
  if (aside === undefined) return true;
  run.aside.set(index, { ...aside, wants: true });
  givePlaces(run, at);
  if (!run.aside.has(index)) return true;
  const wait = run.toolWaits.get(index);
  if (wait !== undefined) run.toolWaits.set(index, { ...wait, until: null, forPlace: true, endedAt: null });
  touch(run, index);
  requeueHeld(run);
  return false;
}

/** Gives free places to those that want one again, before anything new starts: in plan order. */
export function givePlaces(run: Run, at: number): void {
  if (run.aside.size === 0 || run.paused) return;
  const wanting = [...run.aside].filter(([, { wants }]) => wants).map(([index]) => index);
  for (const index of wanting.sort((a, b) => a - b)) {
    if (run.slotsUsed >= run.plan.maxConcurrency) return;
    run.aside.delete(index);
    run.slotsUsed += 1;
    const wait = run.toolWaits.get(index);
    if (wait?.endedAt === null) {
      const { forPlace: _, ...was } = wait;
      run.toolWaits.set(index, { ...was, endedAt: at });
    }
    touch(run, index);
    requeueHeld(run);
  }
}

/** True for a step that could do nothing but wait: every tool that it may use is waited for by another already. */
export function wouldOnlyWait(run: Run, index: number): boolean {
  if (run.aside.size === 0) return false;
  const tools = toolsOf(run.plan.steps[index]!);
  return tools.length > 0 && tools.every((tool) => isWaitedFor(run, tool));
}

const isWaitedFor = (run: Run, tool: string): boolean =>
  [...run.aside].some(([index, { wants }]) => !wants && run.toolWaits.get(index)?.tool === tool);

function toolsOf({ work }: Step): readonly string[] {
  if (work.kind !== 'workstream' || work.dryRun) return [];
  const { tools } = work.means as unknown as { readonly tools?: readonly { readonly name: string }[] };
  return (tools ?? []).map(({ name }) => name);
}

/** Those that were held back are looked at again: a tool is no longer waited for. */
export function requeueHeld(run: Run): void {
  for (const index of run.ready.held.splice(0)) queue(run, index);
}
