/**
 * A queue of jobs as the Web UI shows it.
 */
import type { QueueView } from './job-api.js';
import { cell } from './markdown.js';

/** Rows of the table of those at work. */
const ROWS = 20;

/** Returns Markdown: how many wait, who is at work. */
export function queueDetails({ name, places, waiting, queued, running }: QueueView): string {
  const workers = places === 0 ? 'workers stopped' : `${running.length} of ${places} workers busy`;
  const more = running.length - ROWS;
  return [
    `**jobs ${cell(name)}** — ${workers}, ${queued} queued, ${waiting} waiting`,
    ...(running.length === 0 ? [] : ['', '| at work |', '| --- |']),
    ...running.slice(0, ROWS).map((id) => `| \`${id}\` |`),
    ...(more > 0 ? ['', `… and ${more} more`] : []),
  ].join('\n');
}
