/**
 * The report of a run of workstreams as Markdown.
 */
import { TOOL_WAIT_WORDS } from '../../plan/tool-wait.js';
import {
  isKept,
  costText,
  counted,
  duration,
  fateOf,
  totalsOf,
  workedMs,
  type SetReport,
  type Totals,
} from './report.js';

/** Returns the text of `UET_EXECUTION_REPORT.md`. */
export function reportMarkdown(report: SetReport, now: number): string {
  const totals = totalsOf(report, now);
  return [
    `# Run ${code(report.runId)}: ${report.state}`,
    '',
    ...headLines(report, totals),
    ...section('Workstreams', workstreamTable(report, now)),
    ...section('Waves', waveLines(report)),
    ...section('Quarantine', quarantineLines(report)),
    ...section('Moved by a tool, and set back', strayLines(report)),
    ...section('Waited for their tool', toolWaitLines(report)),
    ...section('To be known', noteLines(report)),
    ...section('What no patch holds', leftOutLines(report)),
    ...section('Conflicts', conflictTable(report)),
    ...section('Gate failures', gateTable(report)),
    ...section('Held apart, because they want the same files', collisionLines(report)),
    ...section('Files that could not be read', malformedTable(report)),
    ...section('Acceptance tests that are no commands', proseLines(report)),
    '',
  ].join('\n');
}

function headLines(report: SetReport, totals: Totals): string[] {
  const { branch, base, tip, startedAt, endedAt } = report;
  const { landed, quarantined, failed, blocked, canceled } = totals;
  const facts: readonly (readonly [string, string])[] = [
    ['Workstreams', `${totals.workstreams} in ${counted(totals.waves, 'wave')}`],
    ['Landed', `${landed}${branch === null ? '' : ` on ${code(branch)}`}`],
    ['Quarantined', String(quarantined)],
    ['Failed', String(failed)],
    ['Blocked', String(blocked)],
    ['Canceled', String(canceled)],
    ['Base', code(base)],
    ['Tip', tip === null ? '–' : code(tip)],
    ['Started', new Date(startedAt).toISOString()],
    ['Ended', endedAt === null ? 'not yet' : new Date(endedAt).toISOString()],
    ['Took', duration(totals.tookMs)],
    ['One after the other', duration(totals.serialMs)],
    ['Speed-up', totals.speedUp === null ? '–' : `${totals.speedUp.toFixed(1)} ×`],
    ['Workers busy', totals.utilisation === null ? '–' : `${Math.round(totals.utilisation * 100)} %`],
    ['Gate runs', `${totals.gateRuns}, of which ${totals.gateFailures} did not pass`],
    ['Cost', costText(report, totals)],
  ];
  return table(
    ['', ''],
    facts.map((fact) => [...fact]),
  );
}

const workstreamTable = (report: SetReport, now: number): string[] =>
  table(
    ['Workstream', 'Wave', 'Came to', 'Tool', 'Worker', 'Took', 'Attempts', 'Cost', 'Patch', 'Why'],
    report.workstreams.map((one) => [
      code(one.id),
      String(one.wave),
      fateOf(one),
      text(one.tool),
      text(one.worker ?? '–'),
      one.startedAt === null ? '–' : duration(workedMs(one, now)),
      String(one.attempts),
      one.costUsd === null ? '–' : `$${one.costUsd.toFixed(2)}`,
      one.patch === null
        ? '–'
        : `${counted(one.patch.files, 'file')}, +${one.patch.insertions} −${one.patch.deletions}${one.patch.commit === null ? '' : ` ${code(one.patch.commit.slice(0, 12))}`}`,
      text(one.reason ?? one.patch?.reason ?? ''),
    ]),
  );

const waveLines = ({ workstreams }: SetReport): string[] =>
  [...new Set(workstreams.map(({ wave }) => wave))]
    .sort((a, b) => a - b)
    .map((wave) => {
      const ids = workstreams.filter((one) => one.wave === wave).map(({ id }) => code(id));
      return `${wave}. ${ids.join(', ')}`;
    });

const quarantineLines = ({ workstreams }: SetReport): string[] =>
  workstreams.flatMap(({ id, patch }) =>
    patch?.state === 'quarantined'
      ? [
          `- ${code(id)}: ${text(patch.reason ?? 'no reason was given')}. Its patch is kept: ${code(patch.id)}`,
        ]
      : [],
  );

const strayLines = ({ strays = [], branch }: SetReport): string[] =>
  strays.map(
    ({ from, to, by, keptAs }) =>
      `- ${code(branch ?? '')} to ${code(from.slice(0, 12))} by ${text(by)}; it is at ${code(to.slice(0, 12))} again. What it was is kept: ${code(keptAs)}`,
  );

const leftOutLines = ({ workstreams }: SetReport): string[] =>
  workstreams.flatMap(({ id, leftOut }) =>
    leftOut === undefined
      ? []
      : [
          ...leftOut.texts.map((one) => `- ${code(id)}: ${text(one)}`),
          ...(leftOut.texts.some(isKept)
            ? [
                `  - what is kept comes back: ${code(`planwright patch restore ${leftOut.patch} <directory>`)}`,
              ]
            : []),
        ],
  );

const toolWaitLines = ({ workstreams }: SetReport): string[] =>
  workstreams.flatMap(({ id, toolWait }) => {
    if (toolWait === null) return [];
    const { tool, why, since, endedAt } = toolWait;
    const time = endedAt === null ? 'still' : `for ${duration(endedAt - since)}`;
    return [`- ${code(id)}: ${time}, for ${code(tool)}: ${TOOL_WAIT_WORDS[why]}`];
  });

const noteLines = ({ workstreams }: SetReport): string[] =>
  workstreams.flatMap(({ id, notes }) => notes.map((note) => `- ${code(id)}: ${text(note)}`));

const conflictTable = ({ conflicts }: SetReport): string[] =>
  table(
    ['Workstream', 'With', 'Kind', 'Files', 'Status', 'Resolved'],
    conflicts.map((each) => [
      code(each.workstream),
      each.with.map(code).join(', ') || '–',
      each.kind,
      each.files.map(code).join(', '),
      each.status,
      each.resolved.map(code).join(', ') || '–',
    ]),
  );

const gateTable = ({ gateRuns }: SetReport): string[] =>
  table(
    ['Gate', 'Result', 'Patches', 'Tree'],
    gateRuns
      .filter(({ result }) => result !== 'passed')
      .map(({ gate, result, patches, tree, flaked }) => [
        code(gate),
        `${result}${flaked ? ', passed when run again' : ''}`,
        patches.map(code).join(', ') || 'the branch as it is',
        code(tree.slice(0, 12)),
      ]),
  );

const collisionLines = ({ collisions }: SetReport): string[] =>
  collisions.map(
    ({ first, second, paths }) => `- ${code(first)}, then ${code(second)}: ${paths.map(code).join(', ')}`,
  );

const malformedTable = ({ malformed }: SetReport): string[] =>
  table(
    ['File', 'At', 'Reason'],
    malformed.map(({ file, place, reason }) => [code(file), place, text(reason)]),
  );

const proseLines = ({ workstreams }: SetReport): string[] =>
  workstreams.flatMap(({ id, notExecutable }) => notExecutable.map((test) => `- ${code(id)}: ${text(test)}`));

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', `## ${title}`, '', ...lines];

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** What tools and files say is data: no markup of theirs, no new line, no new column. */
const text = (value: string): string =>
  value.replace(/\s+/g, ' ').replace(/[\\`*_{}[\]<>|#~]/g, (char) => `\\${char}`);

function code(value: string): string {
  const plain = value.replace(/\s+/g, ' ').replaceAll('|', '\\|');
  // A fence longer than any inside it.
  const fence = '`'.repeat(Math.max(0, ...(plain.match(/`+/g) ?? []).map(({ length }) => length)) + 1);
  return fence.length === 1 ? `\`${plain}\`` : `${fence} ${plain} ${fence}`;
}
