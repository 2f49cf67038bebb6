/**
 * Names of runs: how they are made, and how the short forms that people type are understood.
 */
import { monotonicFactory } from 'ulid';
import { PlanwrightError } from './errors.js';

const SLUG_LENGTH = 40;
const nextUlid = monotonicFactory();

/** Returns a new run id: the plan's name for people, a ULID to be unique and to sort by age. */
export function newRunId(planId: string): string {
  return `${slugOf(planId)}-${nextUlid().toLowerCase()}`;
}

/** Returns a name as it may stand in an id, which becomes a path and a part of a URL: `[a-z0-9-]`, never empty. */
export function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD') // é becomes e and a mark, and the mark is dropped
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_LENGTH)
    .replace(/^-+|-+$/g, '');
  return slug || 'run';
}

const ULID = /-([0-9a-hjkmnp-tv-z]{26})$/;

/** Returns the part of a run id that sorts by age; empty for an id that is not ours. */
export const ageKey = (runId: string): string => ULID.exec(runId.split('~', 1)[0] ?? '')?.[1] ?? '';

/** Newest first. */
export const byAge = (a: string, b: string): number =>
  ageKey(a) < ageKey(b) ? 1 : ageKey(a) > ageKey(b) ? -1 : 0;

/** The endings of an id are its random part: four characters tell runs apart well enough to be typed. */
const SHORTEST_ENDING = 4;

/**
 * Returns the run that a person means: by its id, a beginning or an ending of it, or `last`.
 *
 * @param known - ids of runs, sub-plans' runs not among them unless `text` holds a `~`
 * @throws PlanwrightError `no-such-run` or `ambiguous-run`
 */
export function pickRun(text: string, known: readonly string[]): string {
  // An unset variable of a shell must not mean the one run there is.
  if (text.trim() === '')
    throw new PlanwrightError('no-such-run', 'the name of a run is empty', [
      'planwright list    shows the runs',
    ]);
  const newestFirst = [...new Set(known)].sort(byAge);
  if (text === 'last') {
    const last = newestFirst[0];
    if (last === undefined)
      throw new PlanwrightError('no-such-run', 'there is no run yet', ['planwright start <plan>']);
    return last;
  }
  if (newestFirst.includes(text)) return text;
  const byStart = newestFirst.filter((id) => id.startsWith(text));
  const byEnd = text.length >= SHORTEST_ENDING ? newestFirst.filter((id) => id.endsWith(text)) : [];
  const found = byStart.length > 0 ? byStart : byEnd;
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    throw new PlanwrightError('no-such-run', `there is no run "${text}"`, [
      'planwright list    shows the runs; an id may be shortened to its beginning or its last characters',
    ]);
  }
  const shown = found.slice(0, SHOWN).map((id) => `  ${id}`);
  const more = found.length > SHOWN ? [`  and ${found.length - SHOWN} more`] : [];
  throw new PlanwrightError(
    'ambiguous-run',
    [`"${text}" means more than one run:`, ...shown, ...more].join('\n'),
    ['type more of it, or its last characters, or "last" for the newest run'],
  );
}

const SHOWN = 5;
