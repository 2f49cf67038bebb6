/**
 * The steps of a large plan, summed up by the groups its author gave them.
 */
import type { Step } from '../../plan/plan.js';
import type { RunHead, RunRecord } from '../../plan/record.js';
import { countsOf } from '../../record/legs.js';
import { colourOf, type Paint } from '../paint.js';
import { oneLine } from '../text/neutralise.js';
import { count } from '../text/time.js';
import { fit, padLeft, widthOf } from '../text/width.js';
import { bar } from './bar.js';

export interface Group {
  readonly name: string;
  readonly counts: RunHead['counts'];
}

/** Returns the groups in the order in which the plan first names them; steps without one stand under `other`. */
export function groupsOf({ plan, steps }: RunRecord): Group[] {
  const nameOf = new Map(plan.steps.map((step) => [step.id, groupName(step)]));
  const members = new Map<string, (typeof steps)[number][]>();
  for (const step of steps) {
    const name = nameOf.get(step.id) ?? OTHER;
    const group = members.get(name);
    if (group === undefined) members.set(name, [step]);
    else group.push(step);
  }
  return [...members].map(([name, group]) => ({ name, counts: countsOf(group) }));
}

const OTHER = 'other';
/** The group of the hints for display, else the first tag: `phase:2`. */
const groupName = (step: Step): string => oneLine(step.group ?? step.tags[0] ?? OTHER);

const LONGEST_BAR = 24;
const SHORTEST_BAR = 5;

/** `build  ━━━━━━━╸───  118/167  ▶ 8  ✖ 11`; on a narrow terminal without the bar, then without the remarks. */
export function groupLine({ name, counts }: Group, nameWidth: number, width: number, paint: Paint): string {
  const all = Object.values(counts).reduce((sum, value) => sum + value, 0);
  const figures = `${count(all - counts.pending - counts.running)}/${count(all)}`;
  const remarks = (['running', 'failed'] as const).flatMap((state) =>
    counts[state] > 0
      ? [{ text: `${paint.marks[state]} ${count(counts[state])}`, colour: colourOf(paint, state) }]
      : [],
  );
  const remarksWidth = remarks.reduce((sum, { text }) => sum + 2 + widthOf(text), 0);
  const head = ` ${fit(name, nameWidth, paint.marks.ellipsis)}`;
  const figureWidth = Math.max(11, figures.length);
  const left = width - widthOf(head) - figureWidth - 1;
  // The same for every line, so that the bars end in one column: remarks rarely take more than this.
  const barWidth = Math.min(LONGEST_BAR, left - 18);
  const drawn = barWidth < SHORTEST_BAR ? '' : ` ${bar(counts, barWidth, paint)}`;
  const used = Math.max(0, drawn === '' ? 0 : barWidth + 1);
  const shown =
    used + remarksWidth <= left ? remarks.map(({ text, colour }) => `  ${colour(text)}`).join('') : '';
  return `${head}${drawn} ${paint.dim(padLeft(figures, figureWidth))}${shown}`;
}
