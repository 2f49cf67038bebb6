/**
 * The log of what safe merges came to: one JSON object a line, added by many, never changed.
 */
import { mkdir, open, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export type EventStatus = 'success' | 'failed' | 'blocked';
export type Invoker = 'human' | 'ai' | 'ci';

export interface MergeEvent {
  /** RFC 3339, UTC. */
  readonly timestamp: string;
  readonly run: string;
  readonly branch: string;
  readonly phase_id: number;
  readonly phase_name: string;
  readonly step: string;
  readonly status: EventStatus;
  readonly reason_code: string;
  readonly details: unknown;
  readonly invoker: Invoker;
  readonly host: string;
}

/** Returns an event without what depends on the machine and the moment. */
export function eventOf(event: Omit<MergeEvent, 'timestamp' | 'host'>, now: number): MergeEvent {
  return { timestamp: new Date(now).toISOString(), ...event, host: hostname() };
}

/** Longer than any one write takes. */
const PATIENCE_MS = 200;

/**
 * Appends one line by one write: lines of writers at the same time do not run into each other.
 *
 * A file that does not end in a line break (a write was cut short, the disk was full) gets one first. It may also end so
 * because another write is going on this very moment: then it is not so for long.
 */
export async function appendEvent(path: string, event: MergeEvent): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a+');
  try {
    const broken = await staysBroken(file);
    const line = Buffer.from(`${broken ? '\n' : ''}${JSON.stringify(event)}\n`);
    const { bytesWritten } = await file.write(line); // O_APPEND
    if (bytesWritten !== line.length)
      throw new Error(`only ${bytesWritten} of ${line.length} bytes were written`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function staysBroken(file: Awaited<ReturnType<typeof open>>): Promise<boolean> {
  for (const end = performance.now() + PATIENCE_MS; await endsBroken(file); await delay(20)) {
    if (performance.now() > end) return true;
  }
  return false;
}

async function endsBroken(file: Awaited<ReturnType<typeof open>>): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}

const LOOKED_AT = 256 * 1024;

/** Tells whether one of the newest events is this one but for the moment: it need not be written again. */
export async function isLogged(path: string, event: MergeEvent): Promise<boolean> {
  const size = await stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size === 0) return false;
  const file = await open(path, 'r');
  try {
    const from = Math.max(0, size - LOOKED_AT);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return buffer
      .toString('utf8', 0, bytesRead)
      .split('\n')
      .some((line) => isSame(line, event));
  } finally {
    await file.close();
  }
}

function isSame(line: string, event: MergeEvent): boolean {
  try {
    const { timestamp: _then, ...other } = JSON.parse(line) as MergeEvent;
    const { timestamp: _now, ...own } = event;
    return JSON.stringify(other) === JSON.stringify(own);
  } catch {
    return false;
  }
}
