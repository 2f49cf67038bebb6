/**
 * The log of the auto-sync daemon: reading its newest part, and what happened in it.
 */
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** What a line says was done. Started pushes and pulls are not counted: they log their end, too. */
export type Action = 'push' | 'pull' | 'error' | 'other';

export interface SyncEvent {
  readonly line: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly level: string;
  readonly action: Action;
  readonly detail: string;
}

export interface SyncLog {
  readonly events: readonly SyncEvent[];
  /** Lines dated after now: a wrong clock; they are left out. */
  readonly future: number;
  /** Lines without a date. */
  readonly unreadable: number;
}

const LINE = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:[.,]\d+)?\s+\[(\w+)\]\s?(.*)$/;
const CHUNK = 256 * 1024;
/** More than any daemon writes in the time looked at; what lies before it is not read. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Clocks of daemons and people differ a little. */
const FUTURE_TOLERANCE_MS = 5 * 60 * 1000;

/**
 * Reads the events since a moment, from the log and, where it does not reach back so far, its rotated predecessors
 * (`<log>.1`, `<log>.2` …).
 *
 * @returns null when there is no log
 */
export async function readSyncLog(path: string, since: number, now: number): Promise<SyncLog | null> {
  const files = [path, ...(await rotated(path))];
  let lines: string[] | null = null;
  for (const file of files) {
    const part = await newestLines(file, since);
    if (part === null) {
      if (file === path) return null;
      continue;
    }
    lines = [...part.lines, ...(lines ?? [])];
    if (part.reachesBack) break;
  }
  return eventsOf(lines ?? [], since, now);
}

async function rotated(path: string): Promise<string[]> {
  const name = basename(path);
  const entries = await readdir(dirname(path)).catch(() => []);
  const numbers = entries.flatMap((entry) => {
    const number = entry.startsWith(`${name}.`) ? Number(entry.slice(name.length + 1)) : NaN;
    return Number.isInteger(number) && number > 0 ? [number] : [];
  });
  return numbers.sort((a, b) => a - b).map((number) => join(dirname(path), `${name}.${number}`));
}

/** Reads a file backwards until its lines are older than `since`. */
async function newestLines(
  path: string,
  since: number,
): Promise<{ lines: string[]; reachesBack: boolean } | null> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { size } = await file.stat();
    const chunks: Buffer[] = [];
    let from = size;
    while (from > 0 && size - from < MAX_BYTES) {
      const length = Math.min(CHUNK, from);
      from -= length;
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, from);
      chunks.unshift(buffer);
      if (from > 0 && isOld(buffer, since)) break;
    }
    // Not every daemon writes UTF-8: what is no letter becomes a replacement sign and disturbs nothing.
    const lines = Buffer.concat(chunks).toString('utf8').split(/\r?\n/);
    if (from > 0) lines.shift(); // begins in the middle
    return { lines: lines.filter((line) => line !== ''), reachesBack: from > 0 || isOld(chunks[0], since) };
  } finally {
    await file.close();
  }
}

/** Tells whether the first dated line of a chunk lies well before a moment (two hours: clocks are changed by one). */
function isOld(chunk: Buffer | undefined, since: number): boolean {
  for (const line of (chunk?.toString('utf8') ?? '').split('\n').slice(1, 50)) {
    const [first] = instants(line);
    if (first !== undefined) return first < since - 2 * 3600 * 1000;
  }
  return false;
}

function eventsOf(lines: readonly string[], since: number, now: number): SyncLog {
  const events: SyncEvent[] = [];
  let future = 0;
  let unreadable = 0;
  let before = -Infinity;
  for (const line of lines) {
    const [level = '', message = ''] = (LINE.exec(line) ?? []).slice(7);
    const candidates = instants(line);
    // In the hour that clocks run through twice, lines go on: the first reading that is not before the last line.
    const at = candidates.find((instant) => instant >= before) ?? candidates.at(-1);
    if (at === undefined) {
      unreadable += 1;
      continue;
    }
    if (at > now + FUTURE_TOLERANCE_MS) {
      future += 1;
      continue;
    }
    before = at;
    if (at < since) continue;
    events.push({
      line: line.slice(0, 500),
      at,
      level,
      action: actionOf(level, message),
      detail: message.slice(0, 300),
    });
  }
  return { events, future, unreadable };
}

/** The moments a line's local time can mean: two when clocks were set back over it, else one. */
function instants(line: string): number[] {
  const match = LINE.exec(line);
  if (match === null) return [];
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const first = new Date(year, month - 1, day, hour, minute, second).getTime();
  if (Number.isNaN(first)) return [];
  const sameClock = (instant: number): boolean => {
    const date = new Date(instant);
    return date.getHours() === hour && date.getMinutes() === minute;
  };
  return [first - 3600_000, first, first + 3600_000].filter(
    (instant) => instant === first || sameClock(instant),
  );
}

/** An error wins over what it was an error of; "0 errors" is none. */
function actionOf(level: string, message: string): Action {
  const text = message.toLowerCase().replace(/\b(0|no|without)\s+(errors?|fail(ure|ed)?s?)\b/g, '');
  if (level.toUpperCase() === 'ERROR' || /error|fail/.test(text)) return 'error';
  if (/\b(push|pull)(ing)?\b.*\bstart(ed|ing)?\b|\bstart(ed|ing)?\b.*\b(push|pull)/.test(text))
    return 'other';
  if (text.includes('push')) return 'push';
  return text.includes('pull') ? 'pull' : 'other';
}

export interface Burst {
  readonly start: number;
  readonly end: number;
  readonly pushes: number;
}

const BURST_PUSHES = 5;
const BURST_MS = 60_000;

/** Returns the times when five pushes or more came within a minute; overlapping ones are one. */
export function bursts(events: readonly SyncEvent[]): Burst[] {
  const pushes = events.filter((event) => event.action === 'push').map((event) => event.at);
  const found: { start: number; end: number; from: number; to: number }[] = [];
  for (let last = BURST_PUSHES - 1; last < pushes.length; last += 1) {
    const first = last - BURST_PUSHES + 1;
    const [start, end] = [pushes[first] as number, pushes[last] as number];
    if (end - start >= BURST_MS) continue;
    const open = found.at(-1);
    if (open !== undefined && first <= open.to) Object.assign(open, { end, to: last });
    else found.push({ start, end, from: first, to: last });
  }
  return found.map(({ start, end, from, to }) => ({ start, end, pushes: to - from + 1 }));
}
