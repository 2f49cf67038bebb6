/**
 * `planwright workstream next`: what can be done now, one workstream after the other, each landed before the next begins.
 */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Link } from '../../client/link.js';
import { prepareSet, type PreparedSet, type SetOptions } from '../../client/workstreams/prepare-set.js';
import { currentActor } from '../../client/start-plan.js';
import { compileForRun, startSet } from '../../client/workstreams/run-set.js';
import { runVerdicts, verdictsOfRun } from '../../client/workstreams/run-verdicts.js';
import { noteStatuses, readStatusBook, STATUS_FILE } from '../../client/workstreams/status-book.js';
import { stateHome } from '../../home.js';
import { writeShared } from '../../os/shared-file.js';
import { decideNext, type Decision } from '../../workstream/next.js';
import { statusTable } from '../../workstream/status.js';
import { paintOf, print, printJson, printJsonLine, tellTo, withLink, type Host } from '../command.js';
import { UsageError } from '../errors.js';
import { addJson } from '../options.js';
import { outputFile } from '../output-file.js';
import type { Paint } from '../paint.js';
import { startAndFollow } from '../start-and-follow.js';
import { oneLine } from '../text/neutralise.js';
import { plural } from '../text/time.js';
import { pad } from '../text/width.js';
import type { ExitCode, World } from '../world.js';
import { otherTools } from '../workstream-lines.js';
import { askThrough, resultsOf, type Fate } from './next-dialogue.js';
import { optionsOf, type SetFlags } from './set-options.js';
import { meant } from './status.js';

interface Flags extends Pick<SetFlags, 'root' | 'config' | 'json'> {
  readonly workstream?: string;
  readonly branch?: string;
  readonly file?: string;
  readonly output?: string;
  readonly interactive: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
}

export function defineNext(command: Command, { world, exit }: Host): void {
  const next = command
    .command('next')
    .description('run what can be done now, one after the other, until one fails')
    .argument('[path]', 'a folder of bundles, or one bundle file (default: the folder of the repository)')
    .option('--workstream <id>', 'only this one; the beginning of its id is enough')
    .option('--force', 'dependencies and earlier completion do not count; go on after failures', false)
    .option('--dry-run', 'say what would be run, and why the rest would not; start nothing', false)
    .option(
      '-i, --interactive',
      'ask of each: run it, edit by hand, skip it, mark it as done, or quit',
      false,
    )
    .option('--output <file>', 'also write what became of each, as JSON')
    .option('--branch <name>', 'where the patches land (default: the branch that is checked out)')
    .option('--file <file>', `where statuses are noted (default: ${STATUS_FILE} of the repository)`)
    .option('--root <repository>', 'the repository (default: where you stand)')
    .option('--config <file>', 'a configuration file, trusted because you name it');
  addJson(next, 'print JSON, one object a line').action(async (path: string | undefined, flags: Flags) =>
    exit(await runNext(world, path, flags)),
  );
}

async function runNext(world: World, path: string | undefined, flags: Flags): Promise<ExitCode> {
  if (flags.interactive && !world.canAsk)
    throw new UsageError('--interactive needs a terminal: nobody is there to answer', [
      'planwright workstream next',
      'planwright workstream next --dry-run',
    ]);
  const options = optionsOf(world, path, { wsId: [], only: [], strict: false, ...flags });
  const prepared = await prepareSet(options);
  const output = flags.output === undefined ? null : outputFile(world.cwd, prepared.root, flags.output);
  return withLink(world, async (link) => {
    const decisions = await decide(world, link, prepared, flags);
    if (flags.dryRun) {
      if (flags.json) printJson(world, decisions);
      else print(world, ...summaryLines(decisions, paintOf(world)));
      return 0;
    }
    const fates = flags.interactive
      ? await askAll(world, link, { options, prepared, decisions, flags })
      : await runAll(world, link, options, decisions, flags);
    if (output !== null) await writeShared(output, `${JSON.stringify(resultsOf(fates), null, 2)}\n`);
    if (flags.json) printJsonLine(world, { type: 'summary', ...resultsOf(fates), workstreams: fates });
    else print(world, ...summaryLines(fates, paintOf(world)));
    // What a person skipped or left for later is no failure.
    const bad: readonly Fate['kind'][] = flags.interactive
      ? ['failed']
      : ['failed', 'not-reached', 'blocked'];
    return fates.some(({ kind }) => bad.includes(kind)) ? 1 : 0;
  });
}

interface Asking {
  readonly options: SetOptions;
  readonly prepared: PreparedSet;
  readonly decisions: readonly Decision[];
  readonly flags: Flags;
}

function askAll(world: World, link: Link, { options, prepared, decisions, flags }: Asking): Promise<Fate[]> {
  const { branch, force, json } = flags;
  const file = statusFile(world, prepared.root, flags.file);
  return askThrough(world, {
    ...{ decisions, force },
    workstreams: new Map(prepared.set.bundles.map(({ workstream }) => [workstream.id, workstream])),
    run: (id) => runOne(world, link, { ...options, only: [id] }, { branch, json }),
    note: (id, message) =>
      noteStatuses(stateHome(world.env), file, [
        {
          ...{ id, status: 'completed', message, run: null },
          timestamp: new Date(world.now()).toISOString(),
          actor: currentActor(),
        },
      ]),
  });
}

const statusFile = (world: World, root: string, file: string | undefined): string =>
  file === undefined ? join(root, STATUS_FILE) : resolve(world.cwd, file);

async function decide(
  world: World,
  link: Link,
  { root, set, plan, inForce }: PreparedSet,
  { file, workstream, force }: Flags,
): Promise<Decision[]> {
  const book = await readStatusBook(statusFile(world, root, file));
  const named = set.bundles.map(({ workstream: { id } }) => ({ id, name: '' }));
  const byId = new Map(set.bundles.map((bundle) => [bundle.workstream.id, bundle.workstream]));
  const order = [...plan.order, ...set.blocked.map(({ id }) => id)].map((id) => byId.get(id)!);
  const only = workstream === undefined ? null : meant(workstream, [...byId.keys()]);
  if (set.malformed.length > 0)
    tellTo(world)(
      `${plural(set.malformed.length, 'malformed file')} left out: planwright workstream validate`,
    );
  const statuses = statusTable(named, book, await runVerdicts(link, root));
  const tools = Object.keys(inForce.settings.tools);
  return decideNext({ order, blocked: set.blocked, statuses, only, force, tools });
}

async function runAll(
  world: World,
  link: Link,
  options: SetOptions,
  decisions: readonly Decision[],
  { branch, force, json }: Flags,
): Promise<Fate[]> {
  const fates: Fate[] = [];
  let interrupted = false;
  const forget = world.onInterrupt(() => (interrupted = true));
  let stopped = false;
  const many = decisions.filter(({ kind }) => kind === 'run').length;
  let at = 0;
  try {
    for (const decision of decisions) {
      const { id } = decision;
      if (decision.kind !== 'run') {
        fates.push(decision);
        continue;
      }
      if (interrupted || (stopped && !force)) {
        fates.push({ id, kind: 'not-reached', reason: interrupted ? 'interrupted' : 'one before it failed' });
        continue;
      }
      at += 1;
      if (!json) world.err.write(`\n${id}, ${at} of ${many}\n`);
      const { succeeded, reason } = await runOne(world, link, { ...options, only: [id] }, { branch, json });
      stopped ||= !succeeded;
      fates.push({ id, kind: succeeded ? 'succeeded' : 'failed', reason });
    }
  } finally {
    forget();
  }
  return fates;
}

/**
 * Each is a run of its own: bundles are read anew, because what landed before may have changed them. That it succeeded is
 * read from what became of the workstream: a run may end well although a tool did not.
 */
async function runOne(
  world: World,
  link: Link,
  options: SetOptions,
  { branch, json }: { readonly branch: string | undefined; readonly json: boolean },
): Promise<{ readonly succeeded: boolean; readonly reason: string }> {
  const prepared = await prepareSet(options);
  const compiled = await compileForRun(prepared, {
    ...{ prove: false, strictWaves: false, dryRun: false },
    ...(branch === undefined ? {} : { branch }),
  });
  let runId = '';
  const start = async (): ReturnType<typeof startSet> => {
    const started = await startSet(link, prepared, compiled);
    ({ runId } = started);
    return started;
  };
  for (const line of otherTools(prepared)) tellTo(world)(line);
  await startAndFollow(world, link, { plan: compiled.plan, start, json, detach: false });
  const [id = ''] = options.only ?? [];
  const verdict = (await verdictsOfRun(link, runId))?.verdicts.get(id);
  return verdict === undefined
    ? { succeeded: false, reason: `run ${runId} says nothing of it` }
    : { succeeded: verdict.status === 'completed', reason: verdict.message };
}

const WORDS: Readonly<Record<Fate['kind'], string>> = {
  run: 'to be run',
  completed: 'completed before',
  'at-work': 'at work',
  blocked: 'blocked',
  manual: 'manual',
  succeeded: 'succeeded',
  failed: 'failed',
  'not-reached': 'not reached',
  'by-hand': 'done by hand',
  skipped: 'skipped',
};

function summaryLines(fates: readonly Fate[], paint: Paint): string[] {
  if (fates.length === 0) return ['nothing was asked for'];
  const width = Math.max(...fates.map(({ id }) => id.length));
  const wordWidth = Math.max(...fates.map(({ kind }) => WORDS[kind].length));
  const counts = new Map<string, number>();
  for (const { kind } of fates) counts.set(WORDS[kind], (counts.get(WORDS[kind]) ?? 0) + 1);
  return [
    '',
    ...fates.map((fate) => {
      const reason = fate.kind === 'run' ? '' : paint.dim(oneLine(fate.reason));
      return `${pad(fate.id, width)}  ${colourOfFate(paint, fate.kind)(pad(WORDS[fate.kind], wordWidth))}  ${reason}`.trimEnd();
    }),
    '',
    [...counts].map(([word, count]) => `${count} ${word}`).join(', '),
  ];
}

function colourOfFate(paint: Paint, kind: Fate['kind']): (text: string) => string {
  switch (kind) {
    case 'succeeded':
    case 'by-hand':
      return paint.green;
    case 'failed':
      return paint.red;
    case 'blocked':
    case 'manual':
    case 'not-reached':
    case 'skipped':
      return paint.yellow;
    case 'run':
    case 'at-work':
      return paint.blue;
    case 'completed':
      return paint.dim;
    default:
      return kind satisfies never;
  }
}
