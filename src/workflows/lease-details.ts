/**
 * A lease as the Web UI shows it.
 */
import type { LeaseView } from './lease-api.js';
import { cell } from './markdown.js';

/** Rows of the table of those that wait. */
const ROWS = 20;

/** Returns Markdown: who has it and since when, who waits. */
export function leaseDetails({ lease, forced }: LeaseView): string {
  const { name, holders, waiting } = lease;
  const rows = [
    ...holders.map((one) => row('holds it', one.run, one.step, one.grantedAt)),
    ...waiting.slice(0, ROWS).map((one, at) => row(`waits, place ${at + 1}`, one.run, one.step, one.askedAt)),
  ];
  const more = waiting.length - ROWS;
  return [
    `**lease ${cell(name)}** — ${holders.length === 0 ? 'free' : 'held'}, ${waiting.length} waiting`,
    '',
    '| | run | step | since |',
    '| --- | --- | --- | --- |',
    ...rows,
    ...(more > 0 ? ['', `… and ${more} more that wait`] : []),
    ...forced.map(
      (one) => `\nTaken from \`${one.run}\` by ${cell(one.actor)} at ${time(one.at)}: ${cell(one.reason)}`,
    ),
  ].join('\n');
}

const row = (what: string, run: string, step: string | null, at: number): string =>
  `| ${what} | \`${run}\` | ${step === null ? '' : `\`${step}\``} | ${time(at)} |`;

const time = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');
