/**
 * A landing as the Web UI shows it: a table in Markdown.
 */
import { countsText, type LandingCounts } from '../landing/counts.js';
import { resolvedText, type Fate } from '../landing/landing.js';
import type { LandingInput, LandingReport } from './landing-api.js';

/** The server takes 20,000 bytes; a longer queue is cut. */
const MAX_ROWS = 60;

/** Returns the details: how it stands in numbers, and where each patch is, in landing order. */
export function landingDetails(
  { branch, workstreams }: Pick<LandingInput, 'branch' | 'workstreams'>,
  { fates, gateRuns, gateRunsOmitted, tip, halt, canceled }: LandingReport,
  numbers: LandingCounts,
  atWork: ReadonlyMap<string, string>,
): string {
  const counts = countsText(numbers) || 'no patch yet';
  const where = branch === '' ? 'without a branch' : `**${cell(branch.replace(/^refs\/heads\//, ''))}**`;
  const rows = workstreams.slice(0, MAX_ROWS).map((workstream) => {
    const fate = fates[workstream]?.fate;
    const stand = atWork.get(workstream)?.replace('_', ' ') ?? fate?.kind ?? 'waiting';
    return `| ${cell(workstream)} | ${stand} | ${cell(fate === undefined ? '' : whyOf(fate))} |`;
  });
  return [
    `${where} at \`${tip.slice(0, 12)}\`: ${counts}, ${gateRuns.length + gateRunsOmitted} gate runs${canceled ? '; canceled' : ''}`,
    ...(halt === null ? [] : ['', `Stopped: ${cell(haltText(halt))}`]),
    '',
    '| workstream | state | |',
    '| --- | --- | --- |',
    ...rows,
    ...(workstreams.length > MAX_ROWS ? [`| and ${workstreams.length - MAX_ROWS} more | | |`] : []),
  ].join('\n');
}

/** Counts what became of the patches: `3 landed, 1 quarantined`; empty when there is nothing to count. */
export function countsOf(fates: LandingReport['fates']): string {
  const all = Object.values(fates).map(({ fate }) => fate.kind);
  return KINDS.flatMap((kind) => {
    const count = all.filter((one) => one === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  }).join(', ');
}

const KINDS: readonly Fate['kind'][] = [
  ...(['landed', 'approved', 'quarantined', 'blocked', 'held', 'withdrawn', 'waiting'] as const),
];

/** Says in words why a patch is where it is; empty when there is nothing to say. */
export function whyOf(fate: Fate): string {
  switch (fate.kind) {
    case 'quarantined':
      return fate.why.reason === 'conflict'
        ? `conflict (${fate.why.conflict.kind}) in ${fate.why.conflict.files.join(', ') || 'the merge'}: ${fate.why.conflict.detail}`
        : `gate "${fate.why.gate}" is red with it (seen ${fate.why.reds} times) and green without it`;
    case 'blocked':
      return `waits for "${fate.by}", which did not land`;
    case 'held':
      return haltText(fate.why);
    case 'withdrawn':
      return fate.reason;
    case 'approved':
    case 'landed':
      return fate.proof.resolved === undefined
        ? ''
        : `conflicts resolved: ${fate.proof.resolved.map(resolvedText).join('; ')}`;
    default:
      return '';
  }
}

export const haltText = (halt: Extract<Fate, { kind: 'held' }>['why']): string =>
  halt.reason === 'base-red'
    ? `the branch itself fails gate "${halt.gate}", without any patch`
    : `the branch may not be moved: ${halt.detail}`;

const cell = (text: string): string =>
  text.replace(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '\\<').slice(0, 150);
