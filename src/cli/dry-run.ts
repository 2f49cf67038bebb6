/**
 * `start --dry-run`: what a run would do. Nothing is started, and no server is needed.
 */
import { withLeaseNames } from '../client/lease-names.js';
import type { Prepared } from '../client/start-plan.js';
import type { Work } from '../plan/plan.js';
import { previewOf, type PreviewStep } from '../plan/preview.js';
import { paintOf, print, printJson } from './command.js';
import type { Paint } from './paint.js';
import { planLine } from './report.js';
import { asWritten } from '../plan/late.js';
import { itemsText } from './items-text.js';
import { oneLine } from './text/neutralise.js';
import { duration, plural } from './text/time.js';
import type { World } from './world.js';

/** Prints what a run would do: its levels, the commands with their variables put in, what would be skipped and why. */
export async function dryRun(world: World, prepared: Prepared, json: boolean): Promise<void> {
  const { openConditions } = await import('../plan/condition.js');
  const { evaluate, examine } = await openConditions();
  const readsOf = (condition: string): string[] =>
    examine(condition, () => 0).reads.flatMap((read) => (read.kind === 'step' ? [read.step] : []));
  const plan = await withLeaseNames(prepared.plan, prepared.root);
  const { levels, leases } = previewOf(plan, { evaluate, readsOf });
  const { root, leftOut, met } = prepared;
  if (json) {
    printJson(world, {
      ...{ plan_id: plan.planId, version: plan.version, root, max_concurrency: plan.maxConcurrency },
      ...{ leases, left_out: leftOut, taken_as_done: met },
      levels: levels.map((level) => level.map(asJson)),
    });
    return;
  }
  const paint = paintOf(world);
  print(
    world,
    `${paint.bold(oneLine(plan.planId))} ${oneLine(plan.version)}: ${planLine(plan)}, ${plural(levels.length, 'level')}; nothing is started`,
    `${paint.dim('root')}  ${oneLine(root)}`,
    ...(leases.length === 0 ? [] : [`${paint.dim('holds')} ${leases.map(oneLine).join(', ')}`]),
    ...levels.flatMap((level, at) => [
      '',
      paint.bold(`${at + 1}`),
      ...level.flatMap((step) => stepLines(step, paint)),
    ]),
    ...(leftOut.length === 0
      ? []
      : ['', `${paint.dim(paint.marks.skipped)} left out, because of --only: ${leftOut.join(', ')}`]),
  );
}

function stepLines({ step, will, because, leases }: PreviewStep, paint: Paint): string[] {
  const mark = { run: paint.marks.pending, skip: paint.marks.skipped, maybe: paint.marks.ask }[will];
  const name = step.name === step.id ? '' : `  ${paint.dim(oneLine(step.name))}`;
  const detail = (text: string): string => `      ${paint.dim(text)}`;
  const { maxAttempts } = step.retry;
  return [
    `  ${mark} ${step.id}${name}${will === 'skip' ? `  ${paint.yellow('would be skipped')}` : ''}`,
    ...(because === null ? [] : [detail(oneLine(because))]),
    `      ${workLine(step.work)}`,
    ...(leases.length === 0 ? [] : [detail(`holds ${leases.map(oneLine).join(', ')}`)]),
    detail(
      `at most ${duration(step.timeoutSec * 1000)}${maxAttempts > 1 ? ` each of ${maxAttempts} attempts` : ''}`,
    ),
  ];
}

/** For the eye only: what is run is a list of arguments, not this line. */
function workLine(work: Work): string {
  switch (work.kind) {
    case 'command': {
      if (work.shell) return oneLine(`sh -c: ${[work.command, ...work.args].join(' ')}`);
      const words = [work.command, ...work.args].map((word) =>
        /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word}'`,
      );
      return oneLine(`${work.cwd === '.' ? '' : `in ${work.cwd}: `}${words.join(' ')}`);
    }
    case 'plan': {
      const { repeat } = work;
      const rounds =
        repeat === undefined ? '' : `, at most ${plural(repeat.maxRounds, 'round')} until ${repeat.until}`;
      return oneLine(`the plan ${work.path}: ${plural(work.plan.steps.length, 'step')}${rounds}`);
    }
    case 'for_each':
      return `${itemsText(work)}, ${work.maxParallel} at once: ${workLine(readable(work.template.work))}`;
    case 'approval': {
      const choices = (work.choices ?? []).map(({ value }) => value);
      return oneLine(`asks: ${work.message}${choices.length === 0 ? '' : ` (${choices.join(', ')})`}`);
    }
    case 'workstream':
      return oneLine(
        `${work.tools.join(', else ')} changes ${work.filesScope.join(', ') || 'what it likes'}`,
      );
    case 'landing': {
      const where = work.branch === '' ? 'proves' : `lands on ${work.branch}`;
      const gates = work.gates.map(({ name }) => name).join(', ') || 'no gate';
      return oneLine(`${where}: ${plural(work.patches.length, 'patch', 'patches')}, through ${gates}`);
    }
    default:
      return work satisfies never;
  }
}

/** Open places as their author wrote them. */
function readable(work: Work): Work {
  if (work.kind !== 'command') return work;
  return { ...work, cwd: asWritten(work.cwd), args: work.args.map(asWritten) };
}

const asJson = ({ step, will, because, leases }: PreviewStep): object => ({
  ...{ id: step.id, name: step.name, depends_on: step.dependsOn, tags: step.tags },
  ...{ will, because, leases, timeout_sec: step.timeoutSec, max_attempts: step.retry.maxAttempts },
  work:
    step.work.kind === 'plan'
      ? {
          ...{ kind: 'plan', path: step.work.path, steps: step.work.plan.steps.length },
          ...(step.work.repeat === undefined ? {} : { repeat: step.work.repeat }),
        }
      : step.work,
});
