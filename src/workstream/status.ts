/**
 * How far each workstream is: what people and runs have noted, and what runs know, as one table.
 */
import { distanceWithin } from '../plan/nearest.js';
import { quote, quoteAll } from '../plan/quote.js';
import type { ReportedWorkstream, SetReport } from './report/report.js';

/** What a person may set. */
export const STATUSES = ['not_started', 'in_progress', 'completed', 'blocked', 'failed', 'manual'] as const;
export type Status = (typeof STATUSES)[number];
/** Also written by the older tools, and read as they are. */
const OLDER: readonly string[] = ['timeout', 'error'];

export const isStatus = (text: string): text is Status => (STATUSES as readonly string[]).includes(text);
export const isKnownStatus = (text: string): boolean => isStatus(text) || OLDER.includes(text);

/** One change of a status, as it was noted. */
export interface StatusNote {
  readonly status: string;
  readonly message: string;
  /** As it was written: of the older tools without a time zone. Null when they wrote none. */
  readonly timestamp: string | null;
  /** Who; null in notes of the older tools. */
  readonly actor: string | null;
  /** The run that it was noted of; null: by hand. */
  readonly run: string | null;
}

/** The file of statuses: notes by id, the newest last, and keys that are none, as they were. */
export interface StatusBook {
  readonly notes: Readonly<Record<string, readonly [StatusNote, ...StatusNote[]]>>;
  readonly others: Readonly<Record<string, unknown>>;
}

/** Reads the content of a file of statuses; null for a value that is none. What is no note (`doc_id`) is kept as it is. */
export function readBook(value: unknown): StatusBook | null {
  if (!isObject(value)) return null;
  const notes: Record<string, [StatusNote, ...StatusNote[]]> = {};
  const others: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    const current = noteOf(entry);
    if (current === null) {
      others[key] = entry;
      continue;
    }
    const before = (entry as { history?: unknown }).history;
    const earlier = (Array.isArray(before) ? before : []).map(noteOf).filter((note) => note !== null);
    notes[key] = [...earlier, current] as unknown as [StatusNote, ...StatusNote[]];
  }
  return { notes, others };
}

/** Returns the content of the file: the newest note of each as the older tools read it, those before it as its history. */
export const bookJson = ({ notes, others }: StatusBook): Record<string, unknown> => ({
  ...Object.fromEntries(
    Object.entries(notes).map(([id, list]) => {
      const history = list.slice(0, -1);
      return [id, { ...list.at(-1)!, ...(history.length === 0 ? {} : { history }) }];
    }),
  ),
  ...others,
});

/** Adds a note. */
export const noted = (book: StatusBook, id: string, note: StatusNote): StatusBook => ({
  ...book,
  notes: { ...book.notes, [id]: [...(book.notes[id] ?? []), note] as [StatusNote, ...StatusNote[]] },
});

function noteOf(value: unknown): StatusNote | null {
  if (!isObject(value) || typeof value['status'] !== 'string') return null;
  const text = (key: string): string | null => (typeof value[key] === 'string' ? value[key] : null);
  return {
    status: value['status'],
    message: text('message') ?? '',
    timestamp: text('timestamp'),
    actor: text('actor'),
    run: text('run'),
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a run knows of a workstream. Time in milliseconds since 1970. */
export interface RunVerdict {
  readonly run: string;
  readonly status: Status;
  readonly message: string;
  readonly at: number;
  /** The run goes on: what was noted before does not count against it. */
  readonly open: boolean;
}

/** Returns what a run says of its workstreams. A closed run that was to land nothing (a proof, a dry run) says nothing. */
export function verdictsOf(report: SetReport): ReadonlyMap<string, RunVerdict> {
  const open = report.endedAt === null;
  const verdicts = new Map<string, RunVerdict>();
  for (const one of report.workstreams) {
    const [status, message] = verdictOf(one, open);
    if (status === null || (!open && report.branch === null)) continue;
    const at = one.endedAt ?? report.endedAt ?? one.startedAt ?? report.startedAt;
    verdicts.set(one.id, { run: report.runId, status, message, at, open });
  }
  return verdicts;
}

function verdictOf(
  { state, patch, reason }: ReportedWorkstream,
  open: boolean,
): readonly [Status | null, string] {
  switch (state) {
    case 'waiting':
      return open ? ['not_started', 'waits for its turn'] : [null, ''];
    case 'running':
      return ['in_progress', 'at work'];
    case 'blocked':
      return ['blocked', reason ?? ''];
    case 'failed':
      return ['failed', reason ?? ''];
    case 'canceled':
      return ['failed', reason ?? 'canceled'];
    case 'skipped':
      return [null, ''];
    case 'succeeded':
      if (patch === null) return ['completed', 'nothing had to be changed'];
      if (patch.state === 'committed')
        return ['completed', `landed${patch.commit === null ? '' : ` as ${patch.commit.slice(0, 10)}`}`];
      if (patch.state === 'quarantined') return ['failed', patch.reason ?? 'its patch is quarantined'];
      return open
        ? ['in_progress', 'its patch is to land']
        : ['failed', patch.reason ?? 'its patch did not land'];
    default:
      return state satisfies never;
  }
}

/** A line of the table. */
export interface WorkstreamStatus {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly message: string;
  /** RFC 3339, or as an older tool wrote it; null when nothing was ever said. */
  readonly updated_at: string | null;
  /** Who says so: a person, a run, or nobody yet. */
  readonly source: 'manual' | 'run' | 'none';
  readonly actor: string | null;
  readonly run: string | null;
}

/**
 * Puts together what is noted and what runs know: a run that goes on counts before all, else whichever is newer.
 *
 * @param named - the workstreams, in the order in which they are to be shown
 */
export function statusTable(
  named: readonly { readonly id: string; readonly name: string }[],
  { notes }: StatusBook,
  verdicts: ReadonlyMap<string, RunVerdict>,
): WorkstreamStatus[] {
  const known = new Set(named.map(({ id }) => id));
  const more = [...Object.keys(notes), ...verdicts.keys()].filter((id) => !known.has(id));
  const all = [...named, ...[...new Set(more)].sort().map((id) => ({ id, name: '' }))];
  return all.map(({ id, name }) => {
    const note = notes[id]?.at(-1);
    const verdict = verdicts.get(id);
    if (verdict !== undefined && (verdict.open || note === undefined || timeOf(note) <= verdict.at)) {
      const { status, message, run, at } = verdict;
      return {
        id,
        name,
        status,
        message,
        updated_at: new Date(at).toISOString(),
        source: 'run',
        actor: null,
        run,
      };
    }
    if (note === undefined)
      return {
        id,
        name,
        status: 'not_started',
        message: '',
        updated_at: null,
        source: 'none',
        actor: null,
        run: null,
      };
    const { status, message, timestamp, actor, run } = note;
    const source = run === null ? 'manual' : 'run';
    return { id, name, status, message, updated_at: timestamp, source, actor, run };
  });
}

const timeOf = ({ timestamp }: StatusNote): number => {
  const at = timestamp === null ? NaN : Date.parse(timestamp);
  return Number.isNaN(at) ? 0 : at;
};

/** Counts what is there, in the order of the statuses; those that nothing has are left out. */
export function statusCounts(table: readonly WorkstreamStatus[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const status of STATUSES) counts.set(status, 0);
  for (const { status } of table) counts.set(status, (counts.get(status) ?? 0) + 1);
  return Object.fromEntries([...counts].filter(([, count]) => count > 0));
}

export type NamedId = { readonly id: string } | { readonly problem: string };

/**
 * Returns the workstream that a person means: by its id, by the beginning of one id alone, with or without "ws-"; else what
 * they may have meant.
 */
export function idMeant(text: string, ids: readonly string[]): NamedId {
  if (ids.includes(text)) return { id: text };
  const begin = ids.filter((id) => id.startsWith(text) || id.startsWith(`ws-${text}`));
  if (text !== '' && begin.length === 1) return { id: begin[0]! };
  const asked = `no workstream is named ${quote(text)}`;
  if (text !== '' && begin.length > 1)
    return { problem: `${asked}, and ${begin.length} begin like it: ${quoteAll(begin, 'and', 5)}` };
  const close = closeTo(text, ids);
  return { problem: close.length === 0 ? asked : `${asked}; did you mean ${quoteAll(close, 'or')}?` };
}

const MOST_CLOSE = 3;

function closeTo(text: string, ids: readonly string[]): string[] {
  const wanted = text.toLowerCase();
  const limit = Math.max(2, Math.floor(text.length / 4));
  return ids
    .map((id) => ({
      id,
      distance:
        wanted.length > 2 && id.includes(wanted)
          ? 0
          : (distanceWithin(wanted, id.slice(0, Math.max(wanted.length, 1)), limit) ??
            distanceWithin(wanted, id, limit)),
    }))
    .filter((one): one is { id: string; distance: number } => one.distance !== null)
    .sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1))
    .slice(0, MOST_CLOSE)
    .map(({ id }) => id);
}
