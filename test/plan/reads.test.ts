import { expect, test } from 'vitest';
import type { CommandWork, LandingWork, WorkstreamWork } from '../../src/plan/plan.js';
import { mayBeReadBy } from '../../src/plan/reads.js';
import { planOf, type StepSketch } from './builder.js';

const ids = ['a', 'b', 'a-b', 'a.b', 'other'];
const readBy = (step: StepSketch, env = {}): string[] => {
  const plan = { ...planOf({ reader: step }), env };
  return ids.filter(mayBeReadBy(plan.steps, plan));
};
const command = (work: Partial<CommandWork>): StepSketch => ({
  work: {
    kind: 'command',
    command: 'echo',
    args: [],
    cwd: '.',
    shell: false,
    env: {},
    envMode: 'inherit',
    ...work,
  },
});

test.each([
  [
    'an argument',
    command({ args: ['--size', 'x${steps.a.outputs.size}${steps.b.outputs.size}'] }),
    ['a', 'b'],
  ],
  ['the directory', command({ cwd: '${steps.a-b.outputs.dir}' }), ['a-b']],
  ['the environment', command({ env: { SIZE: '${steps.a.b.outputs.size}' } }), ['a.b']],
  ['no reference: it is escaped', command({ args: ['$${steps.a.outputs.size}'] }), []],
  ['an argument that only names a step', command({ args: ['a'] }), []],
])('a command may read steps in %s', (_, step, read) => {
  expect(readBy(step)).toEqual(read);
});

test('the environment of the plan belongs to every command', () => {
  expect(readBy(command({}), { SIZE: '${steps.b.outputs.size}' })).toEqual(['b']);
});

test.each([
  ['steps.a.state == "failed"', ['a']],
  ['has(steps.a.outputs.x) && steps.b.exit_code-1 == 0', ['a', 'b']],
  ['steps [ "a-b" ] . state == vars.X', ['a-b']],
  ["steps['a.b'].state != 'failed'", ['a', 'b', 'a.b']], // more than it reads, never less
  ['vars.X == "y"', []],
])('a condition may read the steps whose ids stand in it: %s', (condition, read) => {
  expect(readBy({ condition })).toEqual(read);
});

test('a condition with an escape in it may read any step', () => {
  expect(readBy({ condition: 'steps["\\x61"].state == "failed"' })).toEqual(ids);
});

test('a question reads the steps whose outputs stand in it', () => {
  expect(
    readBy({ work: { kind: 'approval', message: '${steps.a.outputs.size}, $${steps.b.outputs.x}?' } }),
  ).toEqual(['a']);
});

test('a workstream reads those whose patches it starts with, a landing those whose patches it lands', () => {
  const workstream = { kind: 'workstream', startsWith: ['a'], after: ['b'] } as unknown as WorkstreamWork;
  expect(readBy({ work: workstream })).toEqual(['a', 'b']);
  const patches = [{ workstream: 'a-b', dependsOn: ['a'] }];
  const landing = { kind: 'landing', patches } as unknown as LandingWork;
  expect(readBy({ work: landing })).toEqual(['a-b']);
});
