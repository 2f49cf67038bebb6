/**
 * Output of steps on its way to the screen or into a pipe.
 */
import type { LogFile } from '../client/logs.js';
import type { Paint } from './paint.js';
import { Neutraliser } from './text/neutralise.js';
import type { World } from './world.js';

export interface LogOutputOptions {
  /** Bytes as they are, on a terminal too. */
  readonly raw: boolean;
  /** Put the step's id before each line: several are shown side by side. */
  readonly prefixed: boolean;
  /** Say above each file which it is. */
  readonly titled: boolean;
}

/** One file's way. */
export interface LogSink {
  write(bytes: Uint8Array): Promise<void>;
  end(): void;
}

const NEWLINE = 0x0a;

/**
 * Opens the way of one log file. On a terminal what is written is made harmless; into a pipe or a file go the bytes as
 * the tool wrote them.
 */
export function logSink(
  world: World,
  file: LogFile,
  paint: Paint,
  { raw, prefixed, titled }: LogOutputOptions,
): LogSink {
  const { out } = world;
  const isHarmless = out.isTerminal && !raw;
  const neutraliser = isHarmless ? new Neutraliser() : null;
  const prefix = prefixed ? Buffer.from(`${paint.dim(`${file.step} ${paint.marks.gutter}`)} `) : null;
  let isFirst = true;
  let held: Uint8Array[] = [];

  const put = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    if (isFirst && titled && out.isTerminal) out.write(`${paint.dim(titleOf(file, paint))}\n`);
    isFirst = false;
    out.write(bytes);
  };
  /** Only whole lines: those of other steps come between. */
  const putLines = (bytes: Uint8Array): void => {
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      put(Buffer.concat([prefix!, ...held, bytes.subarray(from, at + 1)]));
      held = [];
      from = at + 1;
    }
    if (from < bytes.length) held.push(bytes.subarray(from));
  };
  const take = prefix === null ? put : putLines;

  return {
    async write(bytes) {
      take(neutraliser === null ? bytes : Buffer.from(neutraliser.take(bytes)));
      await out.drained();
    },
    end() {
      if (neutraliser !== null) take(Buffer.from(neutraliser.end()));
      if (held.length > 0) putLines(Buffer.from('\n'));
      else if (!isFirst && isHarmless) out.write('\u001b[0m');
    },
  };
}

function titleOf({ step, attempt, stream }: LogFile, { marks }: Paint): string {
  const which = attempt === null ? '' : ` ${marks.dot} attempt ${attempt}`;
  return `${marks.bar[2].repeat(2)} ${step}${which} ${marks.dot} ${stream}`;
}
