/**
 * Colours and marks, as far as the terminal has them.
 */
import type { StepKind } from '../plan/record.js';
import type { Output } from './world.js';

type Painter = (text: string) => string;

export interface Paint {
  readonly bold: Painter;
  readonly dim: Painter;
  readonly red: Painter;
  readonly green: Painter;
  readonly yellow: Painter;
  readonly blue: Painter;
  readonly marks: Marks;
}

export interface Marks extends Readonly<Record<StepKind, string>> {
  readonly retry: string;
  readonly ask: string;
  readonly paused: string;
  readonly ellipsis: string;
  readonly dot: string;
  readonly arrow: string;
  /** A bar's full, half and empty cell. */
  readonly bar: readonly [string, string, string];
  readonly gutter: string;
}

const UNICODE: Marks = {
  pending: '·',
  running: '▶',
  succeeded: '✔',
  failed: '✖',
  skipped: '–',
  canceled: '◼',
  retry: '↻',
  ask: '?',
  paused: '‖',
  ellipsis: '…',
  dot: '·',
  arrow: '→',
  bar: ['━', '╸', '─'],
  gutter: '│',
};

const ASCII: Marks = {
  pending: '.',
  running: '>',
  succeeded: '+',
  failed: 'x',
  skipped: '-',
  canceled: '#',
  retry: '~',
  ask: '?',
  paused: '=',
  ellipsis: '...',
  dot: '-',
  arrow: '->',
  bar: ['=', '-', '.'],
  gutter: '|',
};

export function paintFor(env: NodeJS.ProcessEnv, output: Pick<Output, 'isTerminal'>): Paint {
  const style = hasColour(env, output)
    ? (open: number, close: number): Painter =>
        (text) =>
          text === '' ? '' : `\u001b[${open}m${text}\u001b[${close}m`
    : (): Painter => (text) => text;
  return {
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    green: style(32, 39),
    yellow: style(33, 39),
    blue: style(36, 39),
    marks: hasUnicode(env) ? UNICODE : ASCII,
  };
}

/** `NO_COLOR` and `FORCE_COLOR` beat the terminal; a dumb one has none. */
export function hasColour(env: NodeJS.ProcessEnv, { isTerminal }: Pick<Output, 'isTerminal'>): boolean {
  if (env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  return isTerminal && env['TERM'] !== 'dumb';
}

/** Whether the person's locale can show more than ASCII. */
export function hasUnicode(env: NodeJS.ProcessEnv): boolean {
  if (env['TERM'] === 'linux') return false; // the kernel's console has few glyphs
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return /utf-?8/i.test(locale) || process.platform === 'win32';
}

/** The colour that goes with a state. */
export function colourOf(paint: Paint, state: StepKind): Painter {
  switch (state) {
    case 'succeeded':
      return paint.green;
    case 'failed':
      return paint.red;
    case 'running':
      return paint.blue;
    case 'canceled':
      return paint.yellow;
    case 'skipped':
    case 'pending':
      return paint.dim;
    default:
      return state satisfies never;
  }
}
