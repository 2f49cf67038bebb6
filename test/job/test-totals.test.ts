import { expect, test } from 'vitest';
import { reportNamed, totalsInReport, totalsInText } from '../../src/job/test-totals.js';

const counts = (passed: number, failed = 0, skipped = 0, errors = 0) => ({ passed, failed, skipped, errors });

test.each([
  ['=== 2 failed, 5 passed, 1 skipped, 3 errors in 0.12s ===', counts(5, 2, 1, 3)],
  ['= 1 error in 0.03s =', counts(0, 0, 0, 1)],
  ['Tests:       1 failed, 2 skipped, 7 passed, 10 total', counts(7, 1, 2)],
  [' Test Files  1 failed (1)\n      Tests  2 failed | 5 passed (7)\n   Duration  3 ms', counts(5, 2)],
  ['ok 1\n# tests 4\n# pass 3\n# fail 1\n# skipped 0', counts(3, 1)],
  ['\u001b[32m12 passed\u001b[39m', counts(12)],
  ['3 passed in the middle\nand then nothing', counts(3)],
])('%j is read', (text, expected) => {
  expect(totalsInText(text)).toEqual(expected);
});

test('an output without counts says nothing', () => {
  expect(totalsInText('collected 0 items')).toBeNull();
});

test('a report in the form of JUnit is summed over its suites', () => {
  const xml =
    '<testsuites><testsuite name="a" tests="5" failures="1" errors="1" skipped="1"/><testsuite tests="2" failures="0"/></testsuites>';
  expect(totalsInReport(xml)).toEqual(counts(4, 1, 1, 1));
  expect(totalsInReport('<html/>')).toBeNull();
});

test.each([
  [['-v', '--junitxml=out/r.xml'], 'out/r.xml'],
  [['--junit-xml', 'r.xml'], 'r.xml'],
  [['-v'], null],
])('%j names the report', (args, expected) => {
  expect(reportNamed(args)).toBe(expected);
});
