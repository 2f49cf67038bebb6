import { describe, expect, test } from 'vitest';
import { handOver, takeOver, type HandOver } from '../../src/plan/hand-over.js';
import { givePlaces, stepAside, takePlace, type GoesOnFrom } from '../../src/plan/places.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Run } from '../../src/plan/run.js';
import { cancelStep, isRunOver, newRun, settle, takeReady } from '../../src/plan/schedule.js';
import { noteToolWait, type ToolWait } from '../../src/plan/tool-wait.js';
import { setOf } from '../workflows/landing-stand-in.js';
import { canceled, id, judge, succeeded } from './builder.js';

const FROM: GoesOnFrom = { attempts: [], tries: 1, tool: 0, spentUsd: null, outputs: {} };
const waitFor = (tool: string): ToolWait => ({ tool, since: 1, until: 9, why: 'failures', endedAt: null });

const indexOf = (run: Run, name: string): number => run.edges.indexOf.get(id(`ws-${name}`))!;
const start = (run: Run): string[] =>
  takeReady(run, 1, 100).map((index) => run.plan.steps[index]!.id.replace('ws-', ''));
function aside(run: Run, name: string, tool: string): void {
  noteToolWait(run, indexOf(run, name), waitFor(tool), 1);
  stepAside(run, indexOf(run, name), FROM);
}

/** Workstreams without dependencies; those that are named like `b:painter` have another tool than `a`. */
async function runOf(maxWorkers: number, ...names: string[]): Promise<Run> {
  const parts = names.map((name) => name.split(':') as [string, string?]);
  const others = Object.fromEntries(parts.flatMap(([name, tool]) => (tool ? [[`ws-${name}`, tool]] : [])));
  const graph = Object.fromEntries(parts.map(([name]) => [name, []]));
  const plan: Plan = await setOf(graph, { tools: ['broken'], maxWorkers, others });
  return newRun(plan, judge, 0);
}

describe('a step that waits for its tool', () => {
  test('gives its place to one with another tool', async () => {
    const run = await runOf(1, 'a', 'b:painter', 'c:painter');
    expect(start(run)).toEqual(['a']);
    expect(start(run)).toEqual([]);
    aside(run, 'a', 'broken');
    expect(start(run)).toEqual(['b']);
    expect(start(run)).toEqual([]);
  });

  test('keeps back those that could only wait for the same tool', async () => {
    const run = await runOf(2, 'a', 'b', 'c', 'd:painter');
    expect(start(run)).toEqual(['a', 'b']);
    aside(run, 'a', 'broken');
    expect(start(run)).toEqual(['d']);
    // It may go on: so may they, once there are places.
    expect(takePlace(run, indexOf(run, 'a'), 2)).toBe(false);
    settle(run, indexOf(run, 'b'), succeeded(), 3);
    expect(start(run)).toEqual([]);
    expect(run.aside.size).toBe(0);
    settle(run, indexOf(run, 'd'), succeeded(), 4);
    expect(start(run)).toEqual(['c']);
  });

  test('gets the next free place before anything new starts', async () => {
    const run = await runOf(1, 'a', 'b:painter', 'c:painter');
    start(run);
    aside(run, 'a', 'broken');
    start(run);
    expect(takePlace(run, indexOf(run, 'a'), 2)).toBe(false);
    expect(run.toolWaits.get(indexOf(run, 'a'))).toMatchObject({
      ...{ why: 'failures', forPlace: true, endedAt: null },
    });
    settle(run, indexOf(run, 'b'), succeeded(), 3);
    expect(start(run)).toEqual([]);
    expect(takePlace(run, indexOf(run, 'a'), 4)).toBe(true);
    expect(run.toolWaits.get(indexOf(run, 'a'))).toEqual({
      ...waitFor('broken'),
      ...{ until: null, endedAt: expect.any(Number) },
    });
    settle(run, indexOf(run, 'a'), succeeded(), 5);
    expect(start(run)).toEqual(['c']);
  });

  test('that is canceled takes no place with it, and holds nobody back any more', async () => {
    const run = await runOf(1, 'a', 'b', 'c:painter', 'd:painter');
    start(run);
    aside(run, 'a', 'broken');
    expect(start(run)).toEqual(['c']);
    cancelStep(run, id('ws-a'), 'enough', 'ann', 2);
    settle(run, indexOf(run, 'a'), canceled(), 3);
    expect(start(run)).toEqual([]);
    settle(run, indexOf(run, 'c'), succeeded(), 4);
    expect(start(run)).toEqual(['b']);
    settle(run, indexOf(run, 'b'), succeeded(), 5);
    expect(start(run)).toEqual(['d']);
    settle(run, indexOf(run, 'd'), succeeded(), 6);
    expect(start(run)).toHaveLength(1); // the landing
    expect(isRunOver(run)).toBe(false);
  });

  test('gets no place while the run is paused', async () => {
    const run = await runOf(1, 'a');
    start(run);
    aside(run, 'a', 'broken');
    run.paused = true;
    expect(takePlace(run, indexOf(run, 'a'), 2)).toBe(false);
    run.paused = false;
    givePlaces(run, 3);
    expect(run.aside.size).toBe(0);
  });

  test('is handed on without a place, with how far it was', async () => {
    const run = await runOf(1, 'a', 'b', 'c:painter');
    start(run);
    aside(run, 'a', 'broken');
    const from: GoesOnFrom = { ...FROM, tries: 2, spentUsd: 0.5 };
    stepAside(run, indexOf(run, 'a'), from);
    const given = handOver(run, new Set(), new Set(run.aside.keys()));
    const next = takeOver(JSON.parse(JSON.stringify(given.handOver)) as HandOver, judge);
    expect(next.aside.get(indexOf(next, 'a'))).toEqual({ from, wants: false });
    expect(next.toolWaits.get(indexOf(next, 'a'))).toEqual(waitFor('broken'));
    expect(start(next)).toEqual(['c']);
    expect(takePlace(next, indexOf(next, 'a'), 2)).toBe(false);
    settle(next, indexOf(next, 'c'), succeeded(), 3);
    expect(start(next)).toEqual([]);
    expect(takePlace(next, indexOf(next, 'a'), 4)).toBe(true);
  });
});
