import { describe, expect, test } from 'vitest';
import { handOver } from '../../src/plan/hand-over.js';
import { asked, noteLeases, WHOLE_RUN } from '../../src/plan/lease-use.js';
import { setPaused } from '../../src/plan/pause.js';
import { outputsOf, whyNotCancelStep } from '../../src/plan/schedule.js';
import { planOf, succeeded } from './builder.js';
import { Stage } from './play.js';

const reading = (arg: string) =>
  ({
    kind: 'command',
    command: 'echo',
    args: [arg],
    cwd: '.',
    shell: false,
    env: {},
    envMode: 'inherit',
  }) as const;

describe('a hand-over', () => {
  test('gives on what has not ended, and keeps the rest', () => {
    // a ─► b ─► c     d
    const stage = new Stage(planOf({ a: [], b: ['a'], c: ['b'], d: [] }));
    stage.launch();
    stage.succeed('a');
    expect(stage.handOver()).toEqual(['b', 'c', 'd']);
    expect(stage.launch()).toEqual(['b']);
    expect(stage.succeed('b').launch()).toEqual(['c']);
    stage.succeed('c', 'd');
    expect(stage.head()).toMatchObject({ state: 'succeeded', counts: { succeeded: 4, pending: 0 } });
  });

  test('names the indices of what it gives on', () => {
    const stage = new Stage(planOf({ a: [], b: [], c: ['a'] }));
    stage.launch();
    stage.succeed('b');
    expect(handOver(stage.run).goesOn).toEqual([0, 2]);
  });

  test('is plain JSON: nothing is lost on the way', () => {
    const stage = new Stage(
      planOf({ a: { onFailure: 'continue' }, b: [], c: { after: ['a'], condition: 'yes' } }),
    );
    stage.launch();
    stage.fail('a').cancel('b');
    const given = handOver(stage.run).handOver;
    expect(JSON.parse(JSON.stringify(given))).toEqual(given);
  });

  test('gives on the leases of the run, those of the steps that go on, and who waits for them', () => {
    const stage = new Stage(planOf({ a: [], b: { exclusive: ['x'] }, c: { exclusive: ['x'] } }));
    stage.launch();
    const held = { ...asked('x', 1), grantedAt: 2, token: 2 };
    const whole = { ...asked('whole', 1), grantedAt: 1, token: 1 };
    noteLeases(stage.run, WHOLE_RUN, [whole]);
    noteLeases(stage.run, 1, [held]);
    noteLeases(stage.run, 2, [asked('x', 1)]);
    stage.succeed('a');
    const { leases } = handOver(stage.run, new Set([2])).handOver;
    expect(leases).toEqual({
      run: [whole],
      steps: [
        [0, [held]],
        [1, [asked('x', 1)]],
      ],
      waiting: [1],
    });
    stage.handOver();
    expect(stage.head().leases).toEqual([whole]);
    expect([...stage.run.leases]).toEqual([
      [WHOLE_RUN, [whole]],
      [0, [held]],
      [1, [asked('x', 1)]],
    ]);
  });

  test('of a run without leases says nothing of any', () => {
    const stage = new Stage(planOf({ a: [], b: ['a'] }));
    stage.launch();
    expect(handOver(stage.run).handOver).not.toHaveProperty('leases');
  });

  test('may follow on a hand-over in which nothing happened', () => {
    // a ─► join ◄─ b
    const stage = new Stage(planOf({ a: [], b: [], join: ['a', 'b'] }));
    stage.launch();
    stage.succeed('a');
    stage.handOver();
    expect(stage.handOver()).toEqual(['b', 'join']);
    expect(stage.succeed('b').launch()).toEqual(['join']);
    expect(stage.succeed('join').head().counts).toMatchObject({ succeeded: 3 });
  });

  test('keeps the order of the plan, whatever stands in for what', () => {
    const stage = new Stage(planOf({ spare: [], a: [], b: { onFailure: { fallback: 'spare' } }, c: [] }, 1));
    expect(stage.handOver()).toEqual(['spare', 'a', 'b', 'c']);
  });

  test('leaves a step no tie to what has taken the place of its dependency', () => {
    // a ─► b     x* (skip_dependents), the first of the next leg
    const stage = new Stage(planOf({ a: [], x: { onFailure: 'skip_dependents' }, b: ['a'] }));
    stage.launch();
    stage.succeed('a');
    expect(stage.handOver()).toEqual(['x', 'b']);
    expect(stage.fail('x').launch()).toEqual(['b']);
  });

  test('keeps the order of the plan and the number of places', () => {
    // a runs, b … d wait for its place
    const stage = new Stage(planOf({ a: [], b: [], c: [], d: [] }, 1));
    stage.launch();
    stage.handOver();
    expect(stage.launch()).toEqual([]);
    expect(stage.succeed('a').launch()).toEqual(['b']);
    stage.handOver();
    expect(stage.succeed('b').launch()).toEqual(['c']);
  });

  test('keeps a pause', () => {
    const stage = new Stage(planOf({ a: [] }));
    setPaused(stage.run, true, { actor: 'ann', reason: 'tea' }, 7);
    stage.handOver();
    const pauses = [{ paused: true, actor: 'ann', reason: 'tea', at: 7 }];
    expect([stage.launch(), stage.head()]).toMatchObject([
      [],
      { paused: true, pausedBy: { reason: 'tea' }, pauses },
    ]);
    expect(stage.pause(false).launch()).toEqual(['a']);
  });

  test('of a run that is stopping is a bug: nothing is left to hand on', () => {
    const aborted = new Stage(planOf({ a: [], b: [] }));
    aborted.launch();
    aborted.fail('a');
    const canceled = new Stage(planOf({ a: [] })).cancelRun();
    for (const { run } of [aborted, canceled])
      expect(() => handOver(run)).toThrow('BUG: a run that is stopping is not handed over');
  });
});

describe('a running step', () => {
  test('goes on: its outcome is taken in by the next leg', () => {
    // a* ─► b
    const stage = new Stage(planOf({ a: { onFailure: 'skip_dependents' }, b: ['a'] }));
    stage.launch();
    expect(stage.handOver()).toEqual(['a', 'b']);
    expect(stage.record('a')).toMatchObject({ state: 'running', launchedAt: 2 });
    stage.fail('a');
    expect(stage.states()).toEqual({ a: 'failed', b: 'skipped' });
  });

  test('is stopped by the next leg when that aborts', () => {
    // a     b*
    const stage = new Stage(planOf({ a: [], b: [] }));
    stage.launch();
    stage.handOver();
    stage.fail('b');
    expect([stage.stops(), stage.record('a').cause]).toEqual([['a'], { kind: 'aborted', step: 'b' }]);
  });

  test('that was told to stop is not told again', () => {
    const stage = new Stage(planOf({ a: [], b: [] }));
    stage.launch();
    stage.cancel('a').stops();
    stage.handOver();
    expect(stage.stops()).toEqual([]);
    expect(stage.record('a').canceling).toBe(true);
    expect(whyNotCancelStep(stage.run, 'a')).toBe('step "a" is already being canceled');
  });

  test('that nobody told yet is told by the next leg', () => {
    const stage = new Stage(planOf({ done: [], a: [], b: [] }));
    stage.launch();
    stage.cancel('b').succeed('done');
    stage.handOver();
    expect(stage.stops()).toEqual(['b']);
  });
});

describe('an end that was reached before', () => {
  test('of a tolerated failure stays tolerated and counted', () => {
    // a* (continue) ─► b ─► c
    const stage = new Stage(planOf({ a: { onFailure: 'continue' }, b: ['a'], c: ['b'] }));
    stage.launch();
    stage.fail('a');
    expect(stage.handOver()).toEqual(['b', 'c']);
    stage.launch();
    stage.succeed('b').launch();
    expect(stage.succeed('c').head()).toMatchObject({
      state: 'succeeded',
      toleratedFailures: 1,
      counts: { failed: 1, succeeded: 2 },
    });
  });

  test('that spoils the run spoils it in every later leg', () => {
    // a* (skip_dependents, critical)     b ─► c
    const stage = new Stage(planOf({ a: { onFailure: 'skip_dependents' }, b: [], c: ['b'] }));
    stage.launch();
    stage.fail('a');
    stage.handOver();
    stage.succeed('b');
    stage.handOver();
    stage.launch();
    expect(stage.succeed('c').head()).toMatchObject({
      state: 'failed',
      failedStep: 'a',
      message: 'step "a" failed',
    });
  });

  test('can be read by the conditions of later steps', () => {
    // a* (continue) ─► b ─► c (if a failed)
    const stage = new Stage(
      planOf({ a: { onFailure: 'continue' }, b: ['a'], c: { after: ['b'], condition: 'a failed' } }),
    );
    stage.launch();
    stage.fail('a');
    stage.handOver();
    stage.launch();
    stage.succeed('b');
    stage.handOver();
    expect(stage.launch()).toEqual(['c']);
  });

  test('gives its outputs to later commands, through any number of legs', () => {
    const stage = new Stage(
      planOf({ a: [], b: ['a'], c: { after: ['b'], work: reading('${steps.a.outputs.size}') } }),
    );
    stage.launch();
    stage.end('a', succeeded({ size: 3 }));
    stage.handOver();
    stage.launch();
    stage.succeed('b');
    stage.handOver();
    expect([outputsOf(stage.run, 'a'), outputsOf(stage.run, 'b')]).toEqual([{ size: 3 }, {}]);
  });

  test('gives the outputs of the fallback that stood in', () => {
    // a* (fallback: spare) ─► b
    const b = { after: ['a'], work: reading('${steps.a.outputs.url}') };
    const stage = new Stage(planOf({ a: { onFailure: { fallback: 'spare' } }, spare: [], b }));
    stage.launch();
    stage.fail('a').launch();
    stage.end('spare', succeeded({ url: 'blue' }));
    expect(stage.handOver()).toEqual(['b']);
    expect(outputsOf(stage.run, 'a')).toEqual({ url: 'blue' });
  });

  test('is not carried along when nobody asks for it: a hand-over does not grow with what has ended', () => {
    const stage = new Stage(
      planOf({ a: [], b: [], c: ['a'], d: { after: ['b'], condition: 'b succeeded' } }),
    );
    stage.launch();
    stage.end('a', succeeded({ size: 3 })).succeed('b');
    expect(handOver(stage.run).handOver.before).toEqual({
      b: { state: 'succeeded', exitCode: 0, outputs: {} },
    });
  });

  test('cannot be canceled any more, and the refusal does not deny the step', () => {
    const stage = new Stage(
      planOf({ quiet: [], loud: [], b: { after: ['loud'], condition: 'loud succeeded' } }),
    );
    stage.launch();
    stage.pause().succeed('quiet', 'loud');
    stage.handOver();
    expect(whyNotCancelStep(stage.run, 'loud')).toBe('step "loud" has ended');
    expect(whyNotCancelStep(stage.run, 'quiet')).toBe(
      'no step "quiet" is open in this run: it has ended, or there is none',
    );
    expect(whyNotCancelStep(stage.run, 'b')).toBe(null);
  });
});

describe('a step canceled while it waited', () => {
  test('goes on as long as it holds back what stands below', () => {
    // fetch ─► lint (canceled, continue) ─► ship
    const stage = new Stage(
      planOf({ fetch: [], lint: { after: ['fetch'], onFailure: 'continue' }, ship: ['lint'] }),
    );
    stage.launch();
    stage.cancel('lint');
    expect(stage.handOver()).toEqual(['fetch', 'lint', 'ship']);
    expect([stage.launch(), stage.tolerated()]).toEqual([[], ['lint']]);
    expect(stage.succeed('fetch').launch()).toEqual(['ship']);
  });

  test.each([
    ['the step first', ['b', 'spare']],
    ['the fallback first', ['spare', 'b']],
  ])('goes on with its fallback, canceled too: %s', (_, order) => {
    // a ─► b (canceled; fallback: spare, canceled, continue) ─► c
    const stage = new Stage(
      planOf({
        a: [],
        b: { after: ['a'], onFailure: { fallback: 'spare' } },
        spare: { onFailure: 'continue' },
        c: ['b'],
      }),
    );
    stage.launch();
    for (const step of order) stage.cancel(step);
    expect(stage.handOver()).toEqual(['a', 'b', 'spare', 'c']);
    expect(stage.launch()).toEqual([]);
    expect(stage.succeed('a').launch()).toEqual(['c']);
  });

  test('stays behind when what stands below was skipped at once', () => {
    // fetch ─► lint (canceled, skip_dependents) ─► ship
    const stage = new Stage(
      planOf({ fetch: [], lint: { after: ['fetch'], onFailure: 'skip_dependents' }, ship: ['lint'] }),
    );
    stage.launch();
    stage.cancel('lint');
    expect(stage.handOver()).toEqual(['fetch']);
    expect(stage.succeed('fetch').head()).toMatchObject({ state: 'failed', failedStep: 'lint' });
  });
});
