import { describe, expect, test } from 'vitest';
import {
  isLandingOver,
  newLanding,
  type Landable,
  type Landing,
  type LandingCommand,
  type MergeAnswer,
} from '../../src/landing/landing.js';
import { countsText, landingCounts, patchesAtWork } from '../../src/landing/counts.js';
import { landingOrder } from '../../src/landing/order.js';
import { DEFAULT_POLICY, type Policy } from '../../src/landing/policy.js';
import { take } from '../../src/landing/take.js';

const patch = (id: string, more: Partial<Landable> = {}): Landable => ({
  id,
  dependsOn: [],
  priority: 'foreground',
  level: 0,
  createdAt: 0,
  ...more,
});
const POLICY: Policy = { ...DEFAULT_POLICY, gates: ['lint', 'unit'], slots: 4, redsNeeded: 2 };

/** A queue on `base` with these patches, each merged at once: a tree is named by what is in it. */
class Queue {
  readonly landing: Landing;
  readonly log: LandingCommand[] = [];

  constructor(ids: readonly (string | Landable)[], policy: Partial<Policy> = {}, isGreen = true) {
    this.landing = newLanding({ ...POLICY, ...policy }, { commit: 'base', tree: 'base' }, isGreen);
    this.tell({ kind: 'enqueued', patches: ids.map((id) => (typeof id === 'string' ? patch(id) : id)) });
  }

  tell(event: Parameters<typeof take>[1]): LandingCommand[] {
    const commands = take(this.landing, event);
    this.log.push(...commands);
    const answers = commands.flatMap((command) => {
      if (command.kind !== 'merge') return [];
      return this.tell({ kind: 'merged-in-a-row', answers: this.merge(command) });
    });
    return [...commands, ...answers];
  }

  merge({ onto, above = [], ...first }: Extract<LandingCommand, { kind: 'merge' }>): MergeAnswer[] {
    let commit = onto;
    return [first, ...above].map(({ candidate, patches }) => {
      commit = [commit, ...patches].join('+');
      return { kind: 'merged', candidate, commit, tree: commit };
    });
  }

  /** Ends the run on a tree. */
  gate(tree: string, results: Record<string, 'green' | 'red' | 'error'>): LandingCommand[] {
    const run = Object.entries(this.landing.runs).find(([, one]) => one.tree === tree);
    if (run === undefined) throw new Error(`no gate runs on ${tree}: ${this.running().join(' ')}`);
    return this.tell({ kind: 'gated', run: Number(run[0]), results });
  }

  running = (): string[] =>
    Object.values(this.landing.runs)
      .map(({ tree, gates }) => `${tree}:${gates.join()}`)
      .sort();
  fate = (id: string): string => this.landing.patches[id]!.fate.kind;
}
const GREEN = { lint: 'green', unit: 'green' } as const;
const RED = { lint: 'green', unit: 'red' } as const;

test('a landing in numbers: each patch is counted once, where it stands', () => {
  const queue = new Queue(['a', 'b', 'c', patch('d', { dependsOn: ['late'] })], { slots: 2, minUse: 0.1 });
  const counts = (): string =>
    countsText(landingCounts(queue.landing, { expected: 1, conflicts: 1, moves: true }));
  expect(counts()).toBe('2 in gate, 2 waiting, 1 to come, 1 conflict');
  queue.gate('base+a', GREEN);
  expect(counts()).toBe('1 approved, 1 in gate, 2 waiting, 1 to come, 1 conflict');
  queue.tell({ kind: 'landed' });
  queue.tell({ kind: 'withdrawn', patch: 'c', reason: 'not now' });
  expect(counts()).toBe('1 landed, 1 in gate, 1 waiting, 1 to come, 1 withdrawn, 1 conflict');
  expect([...patchesAtWork(queue.landing)]).toEqual([['b', 'in_gate']]);
});

describe('a landing queue', () => {
  test('gates later patches on the expected tip while the first is still running', () => {
    const queue = new Queue(['a', 'b', 'c']);
    expect(queue.running()).toEqual(['base+a+b+c:lint,unit', 'base+a+b:lint,unit', 'base+a:lint,unit']);
  });

  test('asks for merges in a row, and goes on beside one that conflicts without asking for it again', () => {
    const landing = newLanding({ ...POLICY, mergesInRow: 4 }, { commit: 'base', tree: 'base' }, true);
    const asked = (commands: readonly LandingCommand[]): string[] =>
      commands.flatMap((command) => {
        if (command.kind !== 'merge') return [];
        const units = [command, ...(command.above ?? [])].map(({ patches }) => patches.join('+'));
        return [`${command.onto}: ${units.join(', ')}`];
      });
    const patches = ['a', 'b', 'c', 'd', 'e'].map((id) => patch(id));
    const first = take(landing, { kind: 'enqueued', patches });
    expect(asked(first)).toEqual(['base: a, b, c, d']);
    const row = first.find((command) => command.kind === 'merge')!;
    const conflict = { kind: 'content', files: ['f'], with: [], detail: '' } as const;
    const answers: MergeAnswer[] = [
      { kind: 'merged', candidate: row.candidate, commit: 'base+a', tree: 'base+a' },
      { kind: 'conflicted', candidate: row.above![0]!.candidate, patch: 'b', conflict },
    ];
    const next = take(landing, { kind: 'merged-in-a-row', answers });
    expect(asked(next)).toEqual(['base+a: c, d, e']);
    expect(next.filter(({ kind }) => kind === 'run-gates')).toMatchObject([{ tree: 'base+a' }]);
  });

  test('asks for one merge after the other where rows are unknown', () => {
    const { mergesInRow, ...before } = POLICY;
    expect(mergesInRow).toBeGreaterThan(1);
    const landing = newLanding(before, { commit: 'base', tree: 'base' }, true);
    const commands = take(landing, { kind: 'enqueued', patches: [patch('a'), patch('b')] });
    expect(commands).toMatchObject([{ kind: 'merge', patches: ['a'], above: [] }]);
  });

  test('moves the branch as far as it is green, one move at a time', () => {
    const queue = new Queue(['a', 'b']);
    queue.gate('base+a+b', GREEN);
    expect(queue.log.filter(({ kind }) => kind === 'land')).toEqual([]); // its ground is not proved yet
    const commands = queue.gate('base+a', GREEN);
    expect(commands.filter(({ kind }) => kind === 'land')).toEqual([
      { kind: 'land', from: 'base', to: 'base+a+b', tree: 'base+a+b', patches: ['a', 'b'] },
    ]);
    queue.tell({ kind: 'closed' });
    expect(isLandingOver(queue.landing)).toBe(false);
    queue.tell({ kind: 'landed' });
    expect([queue.fate('a'), queue.fate('b'), isLandingOver(queue.landing)]).toEqual([
      'landed',
      'landed',
      true,
    ]);
  });

  test('proves each patch by the tree it made', () => {
    const queue = new Queue(['a']);
    queue.gate('base+a', GREEN);
    expect(queue.landing.patches['a']!.fate).toEqual({
      kind: 'approved',
      proof: {
        together: ['a'],
        onto: 'base',
        commit: 'base+a',
        tree: 'base+a',
        gates: { lint: { green: true, reds: 0 }, unit: { green: true, reds: 0 } },
      },
    });
  });

  test('runs a red gate again, and only that one, before it blames', () => {
    const queue = new Queue(['a']);
    queue.gate('base+a', RED);
    expect([queue.fate('a'), queue.running()]).toEqual(['waiting', ['base+a:unit']]);
    queue.gate('base+a', { unit: 'red' });
    expect(queue.landing.patches['a']!.fate).toEqual({
      kind: 'quarantined',
      why: { reason: 'gate-red', gate: 'unit', reds: 2, tree: 'base+a' },
    });
  });

  test('does not go on to other gates before a red one was looked at again', () => {
    const queue = new Queue(['a']);
    queue.gate('base+a', { lint: 'red' }); // and so `unit` was not run
    expect(queue.running()).toEqual(['base+a:lint']);
    queue.gate('base+a', { lint: 'green' });
    expect(queue.running()).toEqual(['base+a:unit']);
  });

  test('takes a run that says nothing for one that could not be made', () => {
    const queue = new Queue(['a']);
    for (let times = 0; times < 2; times += 1) queue.gate('base+a', {});
    expect(queue.landing.patches['a']!.fate).toMatchObject({
      kind: 'quarantined',
      why: { gate: 'lint', reds: 2 },
    });
  });

  test('lands what was red by accident', () => {
    const queue = new Queue(['a']);
    queue.gate('base+a', RED);
    queue.gate('base+a', { unit: 'green' });
    expect(queue.fate('a')).toBe('approved');
  });

  test('lands the innocent above a culprit, on a tree without it', () => {
    const queue = new Queue(['a', 'b']);
    queue.gate('base+a', RED);
    queue.gate('base+a+b', RED);
    queue.gate('base+a', { unit: 'red' });
    expect(queue.fate('a')).toBe('quarantined');
    queue.gate('base+b', GREEN);
    expect(queue.log.at(-1)).toMatchObject({ kind: 'land', to: 'base+b' });
  });

  test('finds the culprit of a red batch by halves', () => {
    const queue = new Queue(['a', 'b', 'c', 'd'], {
      maxBatch: 4,
      minBatchGood: 0.1,
      badRate: 0.2,
      minUse: 1,
    });
    expect(queue.running()).toEqual(['base+a+b+c+d:lint,unit']);
    queue.gate('base+a+b+c+d', RED);
    if (queue.running()[0] === 'base+a+b+c+d:unit') queue.gate('base+a+b+c+d', { unit: 'red' });
    expect(queue.running()).toEqual(['base+a+b:lint,unit']);
    queue.gate('base+a+b', GREEN);
    expect(queue.running()).toEqual(['base+a+b+c+d:lint,unit']);
  });

  test('blocks what depends on a culprit, and nothing else', () => {
    const queue = new Queue(['a', patch('b', { dependsOn: ['a'] }), patch('c', { dependsOn: ['b'] }), 'd']);
    queue.gate('base+a', RED);
    queue.gate('base+a', { unit: 'red' });
    expect(['a', 'b', 'c', 'd'].map(queue.fate)).toEqual(['quarantined', 'blocked', 'blocked', 'waiting']);
    expect(queue.landing.patches['c']!.fate).toEqual({ kind: 'blocked', by: 'b' });
  });

  test('blames nobody for a branch that was red before, and stops', () => {
    const queue = new Queue(['a', 'b'], {}, false);
    queue.gate('base+a', RED);
    queue.gate('base+a', { unit: 'red' });
    expect(queue.fate('a')).toBe('waiting');
    expect(queue.running()).toContain('base:lint,unit');
    queue.gate('base', RED);
    queue.gate('base', { unit: 'red' });
    expect(queue.landing.halt).toEqual({ reason: 'base-red', gate: 'unit', commit: 'base' });
    expect([queue.fate('a'), queue.fate('b'), isLandingOver(queue.landing)]).toEqual(['held', 'held', true]);
  });

  test('merges and gates again when the branch was moved by someone else', () => {
    const queue = new Queue(['a', 'b']);
    queue.gate('base+a', GREEN);
    queue.tell({ kind: 'land-lost', commit: 'other', tree: 'other' });
    expect([queue.fate('a'), queue.running()]).toEqual([
      'waiting',
      ['other+a+b:lint,unit', 'other+a:lint,unit'],
    ]);
    queue.gate('other+a', GREEN);
    expect(queue.log.at(-1)).toMatchObject({ kind: 'land', from: 'other', to: 'other+a' });
  });

  test('knows its own move when a retry finds it done', () => {
    const queue = new Queue(['a']);
    queue.gate('base+a', GREEN);
    queue.tell({ kind: 'land-lost', commit: 'base+a', tree: 'base+a' });
    expect(queue.fate('a')).toBe('landed');
  });

  test('passes over news of the branch while its own move is under way', () => {
    const queue = new Queue(['a']);
    queue.gate('base+a', GREEN);
    queue.tell({ kind: 'base-moved', commit: 'other', tree: 'other' });
    expect(queue.fate('a')).toBe('approved');
  });

  test('holds everything when the branch may not be moved', () => {
    const queue = new Queue(['a', 'b']);
    queue.gate('base+a', GREEN);
    queue.tell({ kind: 'land-refused', detail: 'protected' });
    queue.tell({ kind: 'enqueued', patches: [patch('c')] });
    expect(['a', 'b', 'c'].map(queue.fate)).toEqual(['held', 'held', 'held']);
    const why = { reason: 'landing-refused', detail: 'protected' };
    expect(queue.log).toContainEqual({ kind: 'decided', patch: 'a', fate: { kind: 'held', why } });
    expect(isLandingOver(queue.landing)).toBe(true);
  });

  test('waits for a dependency that is still to come, and lets others pass', () => {
    const queue = new Queue([patch('a', { dependsOn: ['z'] }), 'b']);
    expect(queue.running()).toEqual(['base+b:lint,unit']);
    queue.tell({ kind: 'absent', patch: 'z', outcome: 'nothing-to-land' });
    queue.gate('base+b', GREEN);
    expect(queue.running()).toEqual(['base+b+a:lint,unit']);
  });

  test('blocks what waits for one that never comes', () => {
    const queue = new Queue([patch('a', { dependsOn: ['z'] }), patch('b', { dependsOn: ['y'] })]);
    queue.tell({ kind: 'absent', patch: 'y', outcome: 'failed' });
    expect([queue.fate('a'), queue.fate('b')]).toEqual(['waiting', 'blocked']);
    queue.tell({ kind: 'closed' });
    expect([queue.fate('a'), isLandingOver(queue.landing)]).toEqual(['blocked', true]);
  });

  test('blocks patches that wait for each other, once all else is decided', () => {
    const queue = new Queue([patch('a', { dependsOn: ['b'] }), patch('b', { dependsOn: ['a'] }), 'c']);
    queue.tell({ kind: 'closed' });
    queue.gate('base+c', GREEN);
    expect([queue.fate('a'), queue.fate('b'), queue.fate('c')]).toEqual(['blocked', 'blocked', 'approved']);
  });

  test('stops the runs that nobody waits for', () => {
    const queue = new Queue(['a', 'b']);
    const commands = queue.tell({ kind: 'withdrawn', patch: 'a', reason: 'no' });
    expect(commands.filter(({ kind }) => kind === 'stop-gates')).toHaveLength(2);
    expect(queue.running()).toEqual(['base+b:lint,unit']);
  });

  test('is plain JSON: it goes on from a copy as from itself', () => {
    const queue = new Queue(['a', 'b']);
    const copy = JSON.parse(JSON.stringify(queue.landing)) as Landing;
    const run = Number(Object.keys(queue.landing.runs)[0]);
    const event = { kind: 'gated', run, results: GREEN } as const;
    expect(take(copy, event)).toEqual(take(queue.landing, event));
    expect(copy).toEqual(JSON.parse(JSON.stringify(queue.landing)));
  });
});

test('the order is by priority, level, age and id, dependencies first, however the list is written', () => {
  const patches = [
    patch('late', { createdAt: 9 }),
    patch('b'),
    patch('a'),
    patch('deep', { level: 1 }),
    patch('idle', { priority: 'background' }),
    patch('urgent', { dependsOn: ['idle2'] }),
    patch('idle2', { priority: 'background' }),
  ];
  const expected = ['a', 'b', 'idle2', 'urgent', 'late', 'deep', 'idle'];
  expect(landingOrder(patches).map(({ id }) => id)).toEqual(expected);
  expect(landingOrder([...patches].reverse()).map(({ id }) => id)).toEqual(expected);
});
