/**
 * Follows a run before the eyes of a person, or for a program that reads along.
 */
import { EventTail } from '../client/event-tail.js';
import type { Notice, RunUpdate } from '../client/follow.js';
import type { Link } from '../client/link.js';
import { followed } from '../client/planwright.js';
import type { RunRecord } from '../plan/record.js';
import { printJsonLine } from './command.js';
import { paintFor } from './paint.js';
import { eventLine } from './progress/event-line.js';
import { frame, noticeText, type Board } from './progress/frame.js';
import { LiveRegion } from './progress/live-region.js';
import { programName } from './program-name.js';
import { answerLine, asAsked, questionsOf, untilLines } from './questions.js';
import { cut } from './text/width.js';
import type { World } from './world.js';

export interface WatchOptions {
  readonly json: boolean;
  /** Ends the watching, not the run. */
  readonly signal: AbortSignal;
  /** What to say below the picture now, or null. */
  readonly footer: () => string | null;
}

/** Shows a run until it has ended. Returns its record, or null when the watching was ended before. */
export async function watchRun(
  world: World,
  link: Link,
  runId: string,
  options: WatchOptions,
): Promise<RunRecord | null> {
  const view = options.json
    ? jsonView(world)
    : world.err.isTerminal && world.env['TERM'] !== 'dumb'
      ? liveView(world, options)
      : plainView(world);
  try {
    for await (const update of await followed(link, runId, options.signal)) {
      view.take(update);
      if (update.isFinal) return update.record;
    }
    return null;
  } finally {
    view.close();
  }
}

interface View {
  take(update: RunUpdate): void;
  close(): void;
}

/** A picture need not be made more often than a person can read it: of a large plan it costs milliseconds. */
const PICTURE_MS = 250;

function liveView(world: World, { footer }: WatchOptions): View {
  const { err } = world;
  const paint = paintFor(world.env, err);
  const program = programName(world.env);
  let board: Omit<Board, 'footer' | 'program'> | null = null;
  /** What is known before the run has told anything. */
  let early: Notice | null = null;
  let last: { readonly lines: string[]; readonly at: number; readonly key: unknown[] } | null = null;
  const picture = (): string[] => {
    if (board === null) {
      const words = early === null ? 'waiting for the run to begin …' : noticeText(early, world.now());
      return [paint.dim(cut(` ${words}`, err.size().columns - 1, paint.marks.ellipsis))];
    }
    const now = world.now();
    const size = err.size();
    const key = [board, footer(), size.columns, size.rows];
    if (last !== null && now - last.at < PICTURE_MS && key.every((part, at) => part === last!.key[at]))
      return last.lines;
    last = { lines: frame({ ...board, program, footer: footer() }, size, now, paint), at: now, key };
    return last.lines;
  };
  err.write('\n');
  const region = new LiveRegion(err, picture);
  const close = (): void => region.close(board === null ? [] : picture());
  const forget = world.onExit(close); // the cursor comes back however this ends
  return {
    take({ record, live, notice }) {
      early = notice;
      if (record !== null) board = { record, live, notice };
    },
    close() {
      last = null;
      close();
      forget();
    },
  };
}

/** Without a terminal a silence is one line, and another one now and then. */
const REMIND_MS = 14_000;

/** One line for each start and end, with the time since the run began; and for what keeps it waiting. */
function plainView(world: World): View {
  const tail = new EventTail();
  const paint = paintFor(world.env, world.err);
  let told: { readonly kind: Notice['kind']; readonly at: number } | null = null;
  const asked = new Set<string>();
  return {
    take(update) {
      const { record, notice } = update;
      const lines =
        record === null ? [] : tail.take(update).flatMap((event) => eventLine(event, record, paint) ?? []);
      const now = world.now();
      for (const question of record === null ? [] : questionsOf(record)) {
        if (asked.has(question.step)) continue;
        asked.add(question.step);
        lines.push(
          ...asAsked(`${paint.yellow(paint.marks.ask)} ${question.step}`, question, '  '),
          ...untilLines(question.asked, now).map((line) => paint.dim(`  ${line}`)),
          `  ${answerLine(question, record!.head.runId, programName(world.env))}`,
        );
      }
      if (lines.length > 0) world.err.write(lines.map((line) => `${line}\n`).join(''));
      if (notice === null) told = null;
      else if (notice.kind !== told?.kind || now - told.at >= REMIND_MS) {
        world.err.write(`planwright: ${noticeText(notice, now)}\n`);
        told = { kind: notice.kind, at: now };
      }
    },
    close: () => undefined,
  };
}

/** What happened as JSON, one object a line, as `events --json` prints it; notices among it. */
function jsonView(world: World): View {
  const tail = new EventTail();
  let told: Notice['kind'] | null = null;
  return {
    take(update) {
      for (const event of tail.take(update)) printJsonLine(world, { type: 'event', ...event });
      const { notice } = update;
      if (notice !== null && notice.kind !== told) printJsonLine(world, { type: 'notice', ...notice });
      told = notice?.kind ?? null;
    },
    close: () => undefined,
  };
}
