/**
 * The graph of a plan as text, Mermaid, DOT and JSON.
 */
import { graphOf, levelsOf } from '../plan/graph.js';
import type { Plan, Step } from '../plan/plan.js';
import type { StepKind, StepRecord } from '../plan/record.js';
import { timesText } from './items-text.js';
import { colourOf, type Paint } from './paint.js';
import { planLine } from './report.js';
import { oneLine } from './text/neutralise.js';
import { plural } from './text/time.js';
import { cut, fit, widthOf } from './text/width.js';

export interface Drawing {
  readonly plan: Plan;
  /** By step id; null for a plan that is not a run. */
  readonly states: ReadonlyMap<string, StepKind> | null;
  /** The same for what is known of each step. */
  readonly records?: ReadonlyMap<string, StepRecord>;
}

const levelsOfPlan = ({ plan }: Drawing): Step[][] =>
  levelsOf(graphOf(plan.steps)).map((level) => level.map((index) => plan.steps[index]!));

const LONGEST_ID = 32;

/** Levels from top to bottom: the steps of one can run side by side. */
export function textOf(drawing: Drawing, width: number, paint: Paint): string[] {
  const { plan, states } = drawing;
  const levels = levelsOfPlan(drawing);
  const idWidth = Math.min(LONGEST_ID, Math.max(...plan.steps.map(({ id }) => id.length)));
  const numberWidth = String(levels.length).length + 1;
  const arrow = paint.marks.arrow === '→' ? '←' : '<-';
  const lines = levels.flatMap((level, at) =>
    level.map((step, index) => {
      const state = states?.get(step.id) ?? null;
      const mark = state === null ? '' : `${colourOf(paint, state)(paint.marks[state])} `;
      const number = (index === 0 ? String(at + 1) : '').padStart(numberWidth);
      const times = timesText(step, drawing.records?.get(step.id) ?? null);
      const above = [times, aboveText(step, arrow)].filter(Boolean).join('  ');
      const used = numberWidth + 2 + (state === null ? 0 : 2) + idWidth + 2;
      const name = step.name === step.id ? '' : oneLine(step.name);
      const room = Math.max(0, width - used);
      const nameWidth = Math.max(
        0,
        Math.min(widthOf(name), room - (above === '' ? 0 : Math.min(widthOf(above), 30) + 2)),
      );
      const rest = `${fit(name, nameWidth, paint.marks.ellipsis)}${above === '' ? '' : `  ${paint.dim(cut(above, room - nameWidth - 2, paint.marks.ellipsis))}`}`;
      return `${paint.dim(number)}  ${mark}${fit(step.id, idWidth, paint.marks.ellipsis)}  ${rest}`.trimEnd();
    }),
  );
  return [
    `${paint.bold(oneLine(plan.planId))} ${oneLine(plan.version)}: ${planLine(plan)}, ${plural(levels.length, 'level')}`,
    '',
    ...lines,
  ];
}

function aboveText(step: Step, arrow: string): string {
  const parts = [
    ...(step.dependsOn.length > 0 ? [`${arrow} ${step.dependsOn.join(', ')}`] : []),
    ...(step.condition === null ? [] : ['if …']),
    ...(step.onFailure.kind === 'fallback' ? [`else ${step.onFailure.step}`] : []),
  ];
  return parts.join('  ');
}

// Ids and names come from plans: within quotes these are all that ends a label, a line or the drawing.
const mermaidLabel = (text: string): string =>
  oneLine(text).replace(/[#"<>&`\\|{}[\]()]/g, (char) => `#${char.codePointAt(0)!};`);
const dotText = (text: string): string => `"${oneLine(text).replace(/["\\]/g, '\\$&')}"`;

const MERMAID_STATES: Readonly<Record<StepKind, string>> = {
  pending: 'fill:#eeeeee,stroke:#999999,color:#333333',
  running: 'fill:#d6eaf8,stroke:#2e86c1,color:#1b4f72',
  succeeded: 'fill:#d5f5e3,stroke:#28b463,color:#145a32',
  failed: 'fill:#fadbd8,stroke:#cb4335,color:#78281f',
  skipped: 'fill:#f4f6f6,stroke:#aab7b8,color:#7b7d7d',
  canceled: 'fill:#fdebd0,stroke:#ca6f1e,color:#6e2c00',
};

export function mermaidOf({ plan, states, records }: Drawing): string[] {
  const nameOf = new Map<string, string>(plan.steps.map((step, index) => [step.id, `s${index}`]));
  const node = (step: Step): string => {
    const times = timesText(step, records?.get(step.id) ?? null);
    const lines = [step.id, ...(step.name === step.id ? [] : [step.name]), ...(times === '' ? [] : [times])];
    const label = lines.map(mermaidLabel).join('<br/>');
    const [open, close] = hasRunBelow(step)
      ? ['[[', ']]']
      : step.work.kind === 'approval'
        ? ['{{', '}}']
        : ['[', ']'];
    const state = states?.get(step.id);
    return `  ${nameOf.get(step.id)}${open}"${label}"${close}${state === undefined ? '' : `:::${state}`}`;
  };
  const used = states === null ? [] : [...new Set(states.values())];
  return [
    'flowchart TD',
    ...plan.steps.map(node),
    ...plan.steps.flatMap((step) =>
      step.dependsOn.map((id) => `  ${nameOf.get(id)} --> ${nameOf.get(step.id)}`),
    ),
    ...plan.steps.flatMap((step) =>
      step.onFailure.kind === 'fallback'
        ? [`  ${nameOf.get(step.id)} -. else .-> ${nameOf.get(step.onFailure.step)}`]
        : [],
    ),
    ...used.map((state) => `  classDef ${state} ${MERMAID_STATES[state]}`),
  ];
}

const DOT_FILLS: Readonly<Record<StepKind, string>> = {
  pending: '#eeeeee',
  running: '#d6eaf8',
  succeeded: '#d5f5e3',
  failed: '#fadbd8',
  skipped: '#f4f6f6',
  canceled: '#fdebd0',
};

export function dotOf({ plan, states, records }: Drawing): string[] {
  const node = (step: Step): string => {
    const state = states?.get(step.id);
    const shape = hasRunBelow(step)
      ? ', shape=folder'
      : step.work.kind === 'approval'
        ? ', shape=hexagon'
        : '';
    const fill = state === undefined ? '' : `, style="rounded,filled", fillcolor="${DOT_FILLS[state]}"`;
    const times = timesText(step, records?.get(step.id) ?? null);
    const label = `${step.name === step.id ? step.id : `${step.id}: ${step.name}`}${times === '' ? '' : ` ${times}`}`;
    return `  ${dotText(step.id)} [label=${dotText(label)}${shape}${fill}];`;
  };
  return [
    `digraph ${dotText(plan.planId)} {`,
    '  node [shape=box, style=rounded];',
    ...plan.steps.map(node),
    ...plan.steps.flatMap((step) => step.dependsOn.map((id) => `  ${dotText(id)} -> ${dotText(step.id)};`)),
    ...plan.steps.flatMap((step) =>
      step.onFailure.kind === 'fallback'
        ? [`  ${dotText(step.id)} -> ${dotText(step.onFailure.step)} [style=dashed, label="else"];`]
        : [],
    ),
    '}',
  ];
}

const hasRunBelow = ({ work }: Step): boolean => work.kind === 'plan' || work.kind === 'for_each';

export function graphJson(drawing: Drawing): unknown {
  const { plan, states, records } = drawing;
  return {
    plan_id: plan.planId,
    version: plan.version,
    levels: levelsOfPlan(drawing).map((level) => level.map(({ id }) => id)),
    steps: plan.steps.map((step) => ({
      id: step.id,
      name: step.name,
      uses: step.work.kind,
      depends_on: step.dependsOn,
      fallback: step.onFailure.kind === 'fallback' ? step.onFailure.step : null,
      condition: step.condition,
      ...manyOf(step, records?.get(step.id) ?? null),
      ...(states === null ? {} : { state: states.get(step.id) ?? null }),
    })),
  };
}

/** A step that stands for many: how many at most, and in a run how many there were. */
function manyOf({ work }: Step, record: StepRecord | null): object {
  if (work.kind === 'for_each') return { max_items: work.maxItems, items: record?.outputs['count'] ?? null };
  if (work.kind !== 'plan' || work.repeat === undefined) return {};
  return { max_rounds: work.repeat.maxRounds, rounds: record?.outputs['rounds'] ?? null };
}
