/**
 * `planwright logs`: the output of steps.
 */
import type { Command } from 'commander';
import type { Link } from '../../client/link.js';
import { findRun } from '../../client/list-runs.js';
import { logFiles, readLog, type LogChoice, type LogFile, type ReadLogOptions } from '../../client/logs.js';
import { followed } from '../../client/planwright.js';
import { readRun } from '../../client/read-run.js';
import { examples, paintOf, printJson, tellTo, withLink, type Host } from '../command.js';
import { logSink, type LogOutputOptions } from '../log-output.js';
import { addJson, positive } from '../options.js';
import type { ExitCode, World } from '../world.js';

interface Options {
  readonly attempt?: number;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  readonly raw: boolean;
  readonly json: boolean;
}

export function define(command: Command, { world, exit }: Host): void {
  command
    .argument('<run>', 'id of a run, a part of it, or "last"')
    .argument('[step]', 'only this step (default: all, in plan order)')
    .option('--attempt <n>', 'only this attempt (default: the last one)', positive)
    .option('--stdout', 'only standard output', false)
    .option('--stderr', 'only standard error', false)
    .option('-f, --follow', 'go on while something runs', false)
    .option('--raw', 'on a terminal too, print the bytes as they are', false);
  addJson(command, 'print where the logs are, as JSON').action(
    async (run: string, step: string | undefined, options: Options) =>
      exit(await logs(world, run, step, options)),
  );
  examples(
    command,
    'planwright logs last',
    'planwright logs last build -f',
    'planwright logs last build --attempt 1 --stderr > build.log',
  );
}

async function logs(
  world: World,
  run: string,
  step: string | undefined,
  options: Options,
): Promise<ExitCode> {
  return withLink(world, async (link) => {
    const runId = await findRun(link, run);
    const stream = options.stdout === options.stderr ? undefined : options.stdout ? 'stdout' : 'stderr';
    const choice: LogChoice = {
      ...(step === undefined ? {} : { step }),
      ...(stream === undefined ? {} : { stream }),
      attempt: options.attempt ?? 'last',
    };
    if (options.follow && !options.json) return followLogs(world, link, runId, choice, options);
    const answer = await readRun(link, runId);
    const files = await logFiles(link.home, answer, choice);
    if (options.json) printJson(world, files);
    else if ((await printFiles(world, link, files, options)) === 0) {
      const below = answer.record.steps.find(({ id }) => id === step)?.childRun ?? null;
      tellTo(world)(
        below !== null
          ? `step "${step}" is a run of its own: planwright logs ${below}`
          : step === undefined
            ? 'nothing was printed'
            : `step "${step}" printed nothing`,
      );
    }
    return 0;
  });
}

/** Prints logs one after the other and returns how many bytes they were. */
async function printFiles(
  world: World,
  link: Link,
  files: readonly LogFile[],
  { raw }: Options,
): Promise<number> {
  const print = { raw, prefixed: false, titled: files.length > 1 };
  let bytes = 0;
  for (const file of files) bytes += await pump(world, link, file, print, {});
  return bytes;
}

/** Copies one log to the screen and returns how many bytes it was. */
async function pump(
  world: World,
  link: Link,
  file: LogFile,
  options: LogOutputOptions,
  reading: ReadLogOptions,
): Promise<number> {
  const sink = logSink(world, file, paintOf(world), options);
  let count = 0;
  for await (const bytes of readLog(link, file, reading)) {
    count += bytes.length;
    await sink.write(bytes);
  }
  sink.end();
  return count;
}

/** Shows what is printed as it is printed, of each attempt from the last one on, until the run has ended. */
async function followLogs(
  world: World,
  link: Link,
  runId: string,
  choice: LogChoice,
  { raw }: Options,
): Promise<ExitCode> {
  const leaving = new AbortController();
  const forget = world.onInterrupt(() => leaving.abort());
  const begun = new Set<string>();
  const readers: Promise<void>[] = [];
  const print: LogOutputOptions = { raw, prefixed: choice.step === undefined, titled: false };
  /** Files that still grow. */
  let growing = new Set<string>();
  let ended = new Set<string>();
  let isFirst = true;
  const anyAttempt: LogChoice = {
    ...(choice.step === undefined ? {} : { step: choice.step }),
    ...(choice.stream === undefined ? {} : { stream: choice.stream }),
  };
  const show = async (file: LogFile): Promise<void> => {
    const key = keyOf(file);
    let found = key;
    await pump(world, link, file, print, {
      goesOn: () => growing.has(key) && !ended.has(found),
      signal: leaving.signal,
      onFound: (path) => begun.add((found = keyOf({ ...file, path }))),
    });
    if (found !== key) begun.delete(key); // the name stands for the newest attempt: there may be another
  };
  try {
    for await (const { record, live, isFinal } of await followed(link, runId, leaving.signal)) {
      if (record === null) continue;
      const view = { record, live, quarantine: null };
      const all = await logFiles(link.home, view, typeof choice.attempt === 'number' ? choice : anyAttempt);
      if (isFirst) {
        const last = new Set((await logFiles(link.home, view, choice)).map(keyOf));
        for (const key of all.map(keyOf)) if (!last.has(key)) begun.add(key);
        isFirst = false;
      }
      const running = all.filter((file) => file.attempt === null);
      growing = new Set(isFinal ? [] : running.map(keyOf));
      ended = new Set(all.filter((file) => file.attempt !== null).map(keyOf));
      for (const file of all) {
        if (begun.has(keyOf(file))) continue;
        begun.add(keyOf(file));
        // One host that is away does not end the look at the others.
        readers.push(show(file).catch((error: unknown) => tellTo(world)(messageOf(error))));
      }
      if (choice.step !== undefined && isOver(record, choice.step)) break;
    }
    growing = new Set();
    await Promise.all(readers);
    return 0;
  } finally {
    forget();
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const keyOf = ({ host, path }: LogFile): string => `${host ?? ''}:${path}`;

const isOver = (
  record: { readonly steps: readonly { readonly id: string; readonly state: string }[] },
  id: string,
): boolean =>
  record.steps.some((step) => step.id === id && step.state !== 'pending' && step.state !== 'running');
