/**
 * How far something is, as a bar and in figures.
 */
import type { RunHead, StepKind } from '../../plan/record.js';
import { colourOf, type Paint } from '../paint.js';
import { count } from '../text/time.js';
import { widthOf } from '../text/width.js';

/** A bar in the colours of what ended how. */
export function bar(counts: RunHead['counts'], width: number, paint: Paint): string {
  const [full, half, empty] = paint.marks.bar;
  const all = Object.values(counts).reduce((sum, value) => sum + value, 0);
  if (all === 0) return paint.dim(empty.repeat(width));
  const bad = counts.failed + counts.canceled;
  const ended = all - counts.pending - counts.running;
  const cells = (ended / all) * width;
  const whole = Math.floor(cells);
  // One failure among a thousand must be seen all the same.
  const red = bad === 0 ? 0 : Math.min(whole, Math.max(1, Math.round((bad / all) * width)));
  const tip = whole < width && cells - whole >= 0.5 ? 1 : 0;
  return (
    paint.green(full.repeat(whole - red)) +
    paint.red(full.repeat(red)) +
    paint.green(half.repeat(tip)) +
    paint.dim(empty.repeat(width - whole - tip))
  );
}

const SHOWN: readonly StepKind[] = ['succeeded', 'failed', 'skipped', 'canceled', 'running', 'pending'];

/** ` ✔ 405  ✖ 2  ▶ 16  · 577` */
export function countsLine(counts: RunHead['counts'], width: number, paint: Paint): string {
  const parts = SHOWN.filter((state) => counts[state] > 0).map((state) => ({
    plain: `${paint.marks[state]} ${count(counts[state])} ${state}`,
    short: `${paint.marks[state]} ${count(counts[state])}`,
    colour: colourOf(paint, state),
  }));
  const isWide = parts.reduce((sum, { plain }) => sum + widthOf(plain) + 3, 1) <= width;
  return ` ${parts.map(({ plain, short, colour }) => colour(isWide ? plain : short)).join(isWide ? '   ' : '  ')}`;
}
