import { expect, test } from 'vitest';
import { paintFor } from '../../src/cli/paint.js';
import { questionLines } from '../../src/cli/questions.js';
import { aPlan, aRecord, aStep, aStepRecord, sec } from '../plan/a-record.js';

const paint = paintFor({ LANG: 'C.UTF-8' }, { isTerminal: false });
const shown = (message: string): string[] => {
  const plan = aPlan([aStep('ship', [], { work: { kind: 'approval', message } })]);
  const head = { state: 'running', endedAt: null } as const;
  const record = aRecord(plan, [aStepRecord('ship', 'running', { launchedAt: sec(0) })], head);
  return questionLines(record, 'planwright', sec(1), paint).slice(0, -1);
};

test('a question of one line stands behind its step', () => {
  expect(shown('Ship it?\n')).toEqual(['', '  ? ship  Ship it?']);
});

test('a question of several lines stands below its step as it was asked, and moves no cursor', () => {
  expect(shown('Ship it?\n\n  1. fast\r\n\t2. slow\u001b[2J\n\n')).toEqual([
    '',
    '  ? ship',
    '    Ship it?',
    '',
    '      1. fast',
    '        2. slow^[[2J',
  ]);
});
