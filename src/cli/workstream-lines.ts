/**
 * Sets of workstreams as people and programs read them.
 */
import type { PreparedSet } from '../client/workstreams/prepare-set.js';
import { ANY_TOOL, routeTool } from '../workstream/tool/routing.js';
import type { Paint } from './paint.js';
import { oneLine } from './text/neutralise.js';
import { plural } from './text/time.js';
import { cutPainted, pad } from './text/width.js';

/**
 * Returns the plan of a set: waves, then whatever a person should know before running it.
 *
 * @param columns - null: nothing is cut
 */
export function planLines(prepared: PreparedSet, columns: number | null, paint: Paint): string[] {
  const { set, selection, plan, maxWorkers, inForce, folder } = prepared;
  const fit = (line: string): string =>
    columns === null ? line : cutPainted(line, columns, paint.marks.ellipsis);
  const { criticalPath, speedUp } = plan;
  const width = String(plan.waves.length).length;
  const lines = [
    `${paint.bold(oneLine(folder))}: ${plural(plan.order.length, 'workstream')} in ${plural(plan.waves.length, 'wave')}, at most ${maxWorkers} at once`,
    paint.dim(
      `at best ${speedUp.toFixed(1)} times as fast as one by one; longest path ${criticalPath.length} ${criticalPath.unit}: ${criticalPath.ids.join(` ${paint.marks.arrow} `)}`,
    ),
    ...(inForce.file === null ? [] : [paint.dim(`configuration: ${inForce.file}`)]),
    '',
    ...plan.waves.map(
      (wave, index) => `${paint.dim(`wave ${String(index + 1).padStart(width)}`)}  ${wave.join(', ')}`,
    ),
    ...section(
      'held apart, because they want the same',
      plan.collisions.map(
        ({ first, second, over, wave }) =>
          `${first}, then ${second}: ${oneLine(over)}${wave === null ? '' : ` (both in wave ${wave})`}`,
      ),
      paint,
    ),
    ...section(
      'taken as done',
      selection.countedAsMet.map((id) => String(id)),
      paint,
    ),
    ...section(
      'blocked',
      selection.blocked.map(({ id, reason }) => `${id}: ${oneLine(reason)}`),
      paint,
    ),
    ...section('done by another tool than they ask for', otherTools(prepared), paint),
    ...section(
      'malformed, and left out',
      set.malformed.map(
        ({ file, line, column, reason }) => `${oneLine(file)}:${line}:${column}: ${oneLine(reason)}`,
      ),
      paint,
    ),
  ];
  return lines.map(fit);
}

/** A line for each workstream that another tool does than it asks for: nobody should learn that from the bill. */
export const otherTools = ({ selection, inForce }: PreparedSet): readonly string[] =>
  selection.chosen.flatMap((workstream) => {
    const { tool, note } = routeTool(workstream, inForce.settings.routing);
    return note === null || workstream.tool === tool || workstream.tool === ANY_TOOL
      ? []
      : [`${workstream.id} goes to ${oneLine(tool)}: ${oneLine(note)}`];
  });

const section = (title: string, lines: readonly string[], paint: Paint): string[] =>
  lines.length === 0 ? [] : ['', paint.bold(title), ...lines.map((line) => `  ${line}`)];

/** One line each: id, tool, dependencies, first task. */
export function listLines({ selection, set }: PreparedSet, paint: Paint): string[] {
  const fileOf = new Map(set.bundles.map(({ workstream, file, line }) => [workstream.id, `${file}:${line}`]));
  const width = Math.max(0, ...selection.chosen.map(({ id }) => id.length));
  return selection.chosen.map(
    (one) =>
      `${pad(one.id, width)}  ${pad(one.tool, 6)}  ${oneLine(one.tasks[0] ?? '')} ${paint.dim(oneLine(fileOf.get(one.id) ?? ''))}`,
  );
}

export const planJson = ({ set, selection, plan, maxWorkers, inForce }: PreparedSet): unknown => ({
  ...{ workstreams: plan.order.length, total_waves: plan.waves.length, max_workers: maxWorkers },
  waves: plan.waves,
  rounds: plan.rounds,
  order: plan.order,
  graph: plan.dependsOn,
  collisions: plan.collisions,
  shared_paths: plan.sharedPaths,
  critical_path: plan.criticalPath,
  estimated_speed_up: plan.speedUp,
  bottlenecks: plan.bottlenecks,
  taken_as_done: selection.countedAsMet,
  blocked: selection.blocked,
  malformed: set.malformed,
  configuration: inForce.file,
  validated: set.malformed.length === 0 && set.blocked.length === 0,
});
