/**
 * `planwright workstream next --interactive`: for each workstream a person says what is to become of it.
 */
import type { Decision } from '../../workstream/next.js';
import type { Workstream } from '../../workstream/workstream.js';
import { quoteAll } from '../../plan/quote.js';
import { paintOf, tellTo } from '../command.js';
import { oneLine } from '../text/neutralise.js';
import type { World } from '../world.js';

/** What became of a workstream in this call. */
export type Fate =
  | Decision
  | {
      readonly id: string;
      /** `by-hand`: a person did it, and it is noted as completed. */
      readonly kind: 'succeeded' | 'failed' | 'not-reached' | 'by-hand' | 'skipped';
      readonly reason: string;
    };

export interface Dialogue {
  readonly decisions: readonly Decision[];
  readonly workstreams: ReadonlyMap<string, Workstream>;
  /** Dependencies do not count. */
  readonly force: boolean;
  readonly run: (id: string) => Promise<{ readonly succeeded: boolean; readonly reason: string }>;
  /** Notes that a person has done it. */
  readonly note: (id: string, message: string) => Promise<void>;
}

type Choice = 'run' | 'edit' | 'skip' | 'done' | 'quit';
const CHOICES: Readonly<Record<string, Choice>> = {
  ...{ r: 'run', e: 'edit', s: 'skip', d: 'done', q: 'quit' },
  ...{ run: 'run', edit: 'edit', skip: 'skip', done: 'done', quit: 'quit' },
};

/** Asks of each that can be done now, and of what is done by hand; who stops answering quits. */
export async function askThrough(world: World, dialogue: Dialogue): Promise<Fate[]> {
  const { decisions, workstreams, force } = dialogue;
  const fates: Fate[] = [];
  /** Asked for and not done: what depends on them cannot be done either. */
  const undone = new Set<string>();
  let quit = false;
  const asked = decisions.filter(({ kind }) => kind === 'run' || kind === 'manual').length;
  let at = 0;
  for (const decision of decisions) {
    const { id, kind } = decision;
    if (kind !== 'run' && kind !== 'manual') {
      fates.push(decision);
      continue;
    }
    at += 1;
    const workstream = workstreams.get(id)!;
    const open = force ? [] : workstream.dependsOn.filter((on) => undone.has(on));
    const fate: Fate =
      open.length > 0
        ? { id, kind: 'blocked', reason: `waits for ${quoteAll(open, 'and')}` }
        : quit
          ? { id, kind: 'not-reached', reason: 'you quit before it' }
          : await askOne(world, dialogue, workstream, kind === 'manual', `${at} of ${asked}`);
    quit ||= fate.kind === 'not-reached';
    if (fate.kind !== 'succeeded' && fate.kind !== 'by-hand') undone.add(id);
    fates.push(fate);
  }
  return fates;
}

async function askOne(
  world: World,
  { run, note }: Dialogue,
  workstream: Workstream,
  isManual: boolean,
  place: string,
): Promise<Fate> {
  const { id } = workstream;
  world.err.write(`\n${headLines(world, workstream, place).join('\n')}\n`);
  const choice = await chosen(world, isManual);
  switch (choice) {
    case 'quit':
      return { id, kind: 'not-reached', reason: 'you quit' };
    case 'skip':
      return { id, kind: 'skipped', reason: 'you skipped it' };
    case 'done':
      await note(id, 'marked as done');
      return { id, kind: 'by-hand', reason: 'you marked it as done' };
    case 'edit': {
      const answer = await world.ask('Edit the files now. Is it done? [y/N] ');
      if (answer === null || !/^y(es)?$/i.test(answer.trim()))
        return { id, kind: 'skipped', reason: 'you left it undone' };
      await note(id, 'edited by hand');
      return { id, kind: 'by-hand', reason: 'you edited it by hand' };
    }
    case 'run': {
      const { succeeded, reason } = await run(id);
      return { id, kind: succeeded ? 'succeeded' : 'failed', reason };
    }
    default:
      return choice satisfies never;
  }
}

function headLines(world: World, { id, tool, tasks, filesScope }: Workstream, place: string): string[] {
  const paint = paintOf(world);
  return [
    `${paint.bold(id)}  ${paint.dim(`${place}, tool ${tool}`)}`,
    ...tasks.map((task) => `  - ${oneLine(task)}`),
    ...(filesScope.length === 0 ? [] : [paint.dim(`  in ${filesScope.map(oneLine).join(', ')}`)]),
  ];
}

async function chosen(world: World, isManual: boolean): Promise<Choice> {
  const offered = isManual ? '[e]dit, [s]kip, [d]one, [q]uit' : '[r]un, [e]dit, [s]kip, [d]one, [q]uit';
  for (;;) {
    const answer = await world.ask(`${offered}? `);
    if (answer === null) return 'quit';
    const text = answer.trim().toLowerCase();
    const choice = Object.hasOwn(CHOICES, text) ? CHOICES[text]! : null;
    if (choice !== null && !(isManual && choice === 'run')) return choice;
    tellTo(world)(
      isManual && choice === 'run'
        ? 'no tool can do this one: do it by hand, or skip it'
        : 'one of the letters in brackets, please',
    );
  }
}

/** What is written of a call, as scripts of the older system read it. */
export interface NextResults {
  readonly completed: number;
  readonly skipped: number;
  readonly total: number;
  readonly results: readonly Fate[];
}

const DONE: readonly Fate['kind'][] = ['succeeded', 'by-hand', 'completed'];

export const resultsOf = (fates: readonly Fate[]): NextResults => {
  const completed = fates.filter(({ kind }) => DONE.includes(kind)).length;
  const failed = fates.filter(({ kind }) => kind === 'failed').length;
  return { completed, skipped: fates.length - completed - failed, total: fates.length, results: fates };
};
