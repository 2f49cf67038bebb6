import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LiveRegion } from '../../src/cli/progress/live-region.js';
import { anOutput, type TestOutput } from './a-world.js';

// The region's own clock is what these tests are about; no process or server is involved.
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What a terminal of this size shows after what was written: enough of one for what the region writes. */
function screen(output: TestOutput, columns: number): string[] {
  const rows: string[] = [''];
  let row = 0;
  for (const [token] of output.text().matchAll(/\u001b\[\??[0-9;]*[A-Za-z]|[\s\S]/g)) {
    const up = /^\u001b\[(\d+)A$/.exec(token);
    if (up) row -= Number(up[1]);
    else if (token === '\u001b[K') rows[row] = rows[row]!.slice(0, rows[row]!.length);
    else if (token === '\u001b[J') rows.splice(row, rows.length, '');
    else if (token === '\r') rows[row] = '';
    else if (token === '\n') rows[++row] = '';
    else if (token.length === 1) {
      if (rows[row]!.length === columns) rows[++row] = '';
      rows[row] = (rows[row] ?? '') + token;
    }
  }
  return rows;
}

test('a picture takes the place of the one before it', () => {
  const output = anOutput(true);
  let lines = ['one', 'two', 'three'];
  const region = new LiveRegion(output, () => lines);
  lines = ['1'];
  vi.advanceTimersByTime(100);
  expect(screen(output, 80)).toEqual(['1', '']);
  lines = ['1', '2', '3', '4'];
  vi.advanceTimersByTime(100);
  region.close(lines);
  expect(screen(output, 80)).toEqual(['1', '2', '3', '4', '']);
});

test('nothing is written while nothing changes', () => {
  const output = anOutput(true);
  const region = new LiveRegion(output, () => ['same']);
  const before = output.writes();
  vi.advanceTimersByTime(5_000);
  expect(output.writes()).toBe(before);
  region.close(['same']);
});

test('there are at most ten pictures a second, each in one write', () => {
  const output = anOutput(true);
  let count = 0;
  const region = new LiveRegion(output, () => [String((count += 1))]);
  const before = output.writes();
  vi.advanceTimersByTime(1_000);
  expect(output.writes() - before).toBe(10);
  region.close(['end']);
});

test('a terminal made narrower has wrapped the lines, and all of them are taken back', () => {
  const output = anOutput(true, 40);
  const region = new LiveRegion(output, () => ['x'.repeat(30), 'y']);
  output.resize(20, 24);
  vi.advanceTimersByTime(100);
  // The first line takes two rows now: three in all.
  expect(output.text()).toContain('\u001b[3A');
  region.close([]);
});

test('the cursor comes back, and nothing is drawn after the end', () => {
  const output = anOutput(true);
  const region = new LiveRegion(output, () => [String(Math.random())]);
  region.close(['last']);
  expect(output.text().startsWith('\u001b[?25l')).toBe(true);
  expect(output.text().endsWith('\u001b[?25h')).toBe(true);
  const before = output.writes();
  vi.advanceTimersByTime(1_000);
  region.close(['again']);
  expect(output.writes()).toBe(before);
  expect(screen(output, 80)).toEqual(['last', '']);
});
