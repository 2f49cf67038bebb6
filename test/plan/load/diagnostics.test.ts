import { describe, expect, test } from 'vitest';
import {
  Findings,
  formatProblem,
  formatProblems,
  inOrder,
  type Problem,
} from '../../../src/plan/load/diagnostics.js';
import { quote, quoteAll } from '../../../src/plan/quote.js';

const problem = (fields: Partial<Problem>): Problem => ({
  code: 'bad-value',
  severity: 'error',
  file: 'plan.json',
  line: 1,
  column: 1,
  path: [],
  message: 'wrong',
  hint: null,
  ...fields,
});

describe('a problem', () => {
  test('is one line: place, severity, what is wrong, what to do', () => {
    expect(formatProblem(problem({ line: 14, column: 3, hint: 'did you mean "build"?' }))).toBe(
      'plan.json:14:3: error: wrong; did you mean "build"?',
    );
    expect(formatProblem(problem({ severity: 'warning', line: 0, file: '--var' }))).toBe(
      '--var: warning: wrong',
    );
  });

  test('quotes what it found so that a terminal shows it and does not obey it', () => {
    expect(quote('a"b\\c\n\x1b[31m\u202ered\u200b')).toBe('"a\\"b\\\\c\\n\\u001b[31m\\u202ered\\u200b"');
    expect(quote('x'.repeat(200))).toBe(`"${'x'.repeat(80)}…"`);
    expect(quote(`${'x'.repeat(79)}😀😀`)).toBe(`"${'x'.repeat(79)}…"`);
    expect(quote('\ud800')).toBe('"\\ud800"');
  });

  test('lists names up to a number', () => {
    expect(quoteAll(['a'], 'and')).toBe('"a"');
    expect(quoteAll(['a', 'b', 'c'], 'or')).toBe('"a", "b" or "c"');
    expect(quoteAll(['a', 'b', 'c', 'd'], 'and', 2)).toBe('"a", "b" and 2 more');
  });
});

describe('many problems', () => {
  test('are sorted by file and place, and nothing is said twice', () => {
    const problems = [
      problem({ file: 'sub.json', line: 1 }),
      problem({ line: 9 }),
      problem({ line: 2, column: 8 }),
      problem({ line: 2, column: 4 }),
      problem({ line: 2, column: 4 }),
      problem({ file: '--var', line: 0 }),
    ];
    const sorted = inOrder(problems, ['plan.json', 'sub.json']).map(
      ({ file, line, column }) => `${file}:${line}:${column}`,
    );
    expect(sorted).toEqual(['--var:0:1', 'plan.json:2:4', 'plan.json:2:8', 'plan.json:9:1', 'sub.json:1:1']);
  });

  test('are printed up to a number, errors first, each in its place', () => {
    const problems = Array.from({ length: 6 }, (_, at) =>
      problem({ line: at + 1, severity: at % 2 === 0 ? 'warning' : 'error' }),
    );
    expect(formatProblems(problems, 4)).toEqual([
      'plan.json:1:1: warning: wrong',
      'plan.json:2:1: error: wrong',
      'plan.json:4:1: error: wrong',
      'plan.json:6:1: error: wrong',
      'and 2 more',
    ]);
    expect(formatProblems(problems)).toHaveLength(6);
  });

  test('beyond a thousand are counted, not kept', () => {
    const findings = new Findings();
    for (let count = 0; count < 1_500; count += 1)
      findings.add({ code: 'bad-value', path: [], message: `${count}` });
    const located = findings.located('plan.json', () => ({ line: 1, column: 1 }));
    expect(located).toHaveLength(1_001);
    expect(located.at(-1)).toMatchObject({
      code: 'too-many-problems',
      severity: 'error',
      message: 'and 500 more problems that are not listed',
    });
  });

  test('do not each search all names for what was meant', () => {
    const findings = new Findings();
    const names = Array.from({ length: 20_000 }, (_, at) => `step-${at}`);
    let looked = 0;
    const counted = {
      *[Symbol.iterator]() {
        for (const name of names) {
          looked += 1;
          yield name;
        }
      },
    };
    expect(findings.didYouMean('step-1x', counted)).toBe('did you mean "step-1"?');
    for (let count = 0; count < 1_000; count += 1) findings.didYouMean('nothing like it', counted);
    expect(looked).toBeLessThan(300_000);
  });
});
