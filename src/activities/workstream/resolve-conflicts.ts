/**
 * Files in conflict as they are remembered, or as the person's resolver answers.
 */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { runDirectory } from '../../home.js';
import type { Resolution } from '../../landing/landing.js';
import { readJson, writeJson } from '../../os/json-file.js';
import type { ConflictHelp } from '../../plan/plan.js';
import type { Conflict, Stage } from '../../tools/git/merge-tree.js';
import { fileNameOf } from '../../tools/git/names.js';
import type { Objects } from '../../tools/git/objects.js';
import { shownPath } from '../../tools/git/path-bytes.js';
import { readBlob } from '../../tools/git/tree.js';
import { maskText } from '../../tools/process/masker.js';
import { argvOf, type CommandEnd } from '../../tools/safe-merge/person-command.js';
import type { Report } from '../../tools/safe-merge/reasons.js';
import type { Lesson } from '../../tools/safe-merge/remembered.js';
import {
  resolveLeft,
  writeBlob,
  type Asking,
  type Left,
  type ResolverCommand,
} from '../../tools/safe-merge/resolver.js';
import { counted } from '../../tools/safe-merge/words.js';
import { onMachine } from '../machine-trouble.js';
import { endText, startLine, type Bench } from './start-line.js';
import { checkEnvironment, toolEnvironment } from './tool-environment.js';

/** Who asks, for what: the words of the question, and the limits of the answer. */
export interface Wanted {
  readonly runId: string;
  /** Full name of the branch, for the resolver to know; empty: none. */
  readonly branch: string;
  /** The workstream whose patch is merged. */
  readonly source: string;
  readonly help: ConflictHelp;
  readonly env?: Readonly<Record<string, string>>;
}

/** Nobody to ask: only what is remembered. */
export const NO_RESOLVER: ConflictHelp = {
  ...{ resolver: '', check: '', maxFiles: 20, maxSeconds: 120, minConfidence: 0.7, needs: [] },
};

interface Merged {
  readonly tree: string;
  readonly conflicts: readonly Conflict[];
}

export interface Settled {
  readonly contents: ReadonlyMap<string, Stage | null>;
  readonly resolved: readonly Resolution[];
}

const MAX_NAMED = 3;

/** Finds the content of every file in conflict, or says which it did not, and why. */
export async function resolveConflicts(
  bench: Bench,
  wanted: Wanted,
  objects: Objects,
  merged: Merged,
): Promise<Settled | { why: string }> {
  const { help, source } = wanted;
  const { conflicts } = merged;
  if (conflicts.length > help.maxFiles) {
    return {
      why: `${counted(conflicts.length, 'file')} in conflict, and at most ${help.maxFiles} are asked about`,
    };
  }
  const asking: Omit<Asking, 'folder'> = {
    home: bench.world.home,
    run: wanted.runId,
    branch: wanted.branch.replace(/^refs\/heads\//, ''),
    source,
    start: (command) => startFor(bench, wanted, command),
  };
  const secrets = help.needs.flatMap((name) => bench.world.env[name] ?? []);
  const contents = new Map<string, Stage | null>();
  const resolved: Resolution[] = [];
  const left: Left[] = [];
  // One by one: an answer that was taken is kept before the next is asked for.
  for (const [index, each] of conflicts.entries()) {
    const file = takenFile(bench.world.home, wanted.runId, keyOf(each, help));
    const folder = join(bench.step.directory, 'resolve', fileNameOf(source), String(index + 1));
    const found =
      (await takenBefore(objects, file)) ??
      (await ask(objects, { ...asking, folder }, merged, each, help, secrets, file));
    if ('why' in found) {
      left.push(found);
      continue;
    }
    contents.set(each.path, found.content);
    resolved.push(found.resolution);
  }
  if (left.length === 0) return { contents, resolved };
  const named = left.slice(0, MAX_NAMED).map(({ path, why }) => `${shownPath(path)}: ${why}`);
  const more = left.length > named.length ? [`and ${left.length - named.length} more`] : [];
  return { why: [...named, ...more].join('; ') };
}

interface Found {
  readonly content: Stage | null;
  readonly resolution: Resolution;
}

/** Asks memory and resolver about one file, and keeps what is taken. */
async function ask(
  objects: Objects,
  asking: Asking,
  merged: Merged,
  { path, kind }: Conflict,
  help: ConflictHelp,
  secrets: readonly string[],
  file: string,
): Promise<Found | Left> {
  const open = { path, kind, class: 'unknown', why: 'nothing is remembered of it, and there is no resolver' };
  const asked = await resolveLeft(asking, objects, merged, [open], help);
  const [left, report = {}] = [asked.left[0], asked.resolved[0]];
  if (left !== undefined) return left;
  const content = asked.contents.get(path) ?? null;
  const lesson = asked.lessons[0] ?? null;
  const resolution = resolutionOf(path, report, secrets, lesson === null ? null : basename(file));
  const text = content === null ? '' : await textOf(objects, content);
  const taken: Taken = { format: 1, resolution, lesson, content: content && { mode: content.mode, text } };
  onMachine(() => writeJson(file, taken));
  return { content, resolution };
}

const MAX_TEXT = 10 * 1024 * 1024;

const textOf = async (objects: Objects, { id }: Stage): Promise<string> =>
  (await readBlob(objects, id, MAX_TEXT)).toString('utf8');

function resolutionOf(
  path: string,
  report: Report,
  secrets: readonly string[],
  lesson: string | null,
): Resolution {
  const { by, confidence, note, seconds, deleted } = report;
  return {
    path: shownPath(path),
    by: by === 'memory' ? 'memory' : 'resolver',
    confidence: typeof confidence === 'number' ? confidence : null,
    note: typeof note === 'string' ? maskText(note, secrets) : null,
    seconds: typeof seconds === 'number' ? seconds : null,
    deleted: deleted === true,
    lesson,
  };
}

/** An answer that was taken, in the run's directory: what landing asks too is asked once in a run. */
export interface Taken {
  readonly format: 1;
  readonly resolution: Resolution;
  readonly content: { readonly mode: string; readonly text: string } | null;
  readonly lesson: Lesson | null;
}

export const takenFile = (home: string, runId: string, key: string): string =>
  join(runDirectory(home, runId), 'resolved', key);

/** Returns the name of a question's file: the versions, and who is asked. */
function keyOf({ path, kind, base, ours, theirs }: Conflict, help: ConflictHelp): string {
  const { resolver, check, minConfidence } = help;
  const question = JSON.stringify([path, kind, base, ours, theirs, resolver, check, minConfidence]);
  return `${createHash('sha256').update(question).digest('hex').slice(0, 40)}.json`;
}

async function takenBefore(objects: Objects, file: string): Promise<Found | null> {
  const taken = onMachine(() => readJson(file)) as Taken | null;
  if (taken?.format !== 1) return null;
  const { content, resolution } = taken;
  if (content === null) return { content, resolution };
  return { content: { mode: content.mode, id: await writeBlob(objects, content.text) }, resolution };
}

/** Starts the resolver, or the check of what it answered: contained and logged as every command of a step. */
async function startFor(
  bench: Bench,
  { help, env }: Wanted,
  { line, cwd, env: added, maxSeconds }: ResolverCommand,
): Promise<CommandEnd> {
  const notStarted = (said: string): CommandEnd => ({
    ...{ kind: 'not-started', exitCode: null, seconds: 0, said },
  });
  const argv = argvOf(line);
  if (argv === null) return notStarted(`"${line}" opens like a JSON list of texts, and is none`);
  const isCheck = 'SAFE_MERGE_FILE' in added;
  const needs = help.needs.map((name) => [name]);
  const environment = isCheck
    ? checkEnvironment(bench.world.env, env)
    : toolEnvironment(bench.world.env, { name: 'resolver', needs }, env);
  if ('problem' in environment) return notStarted(environment.problem);
  const [command, ...args] = argv;
  const { attempt } = await startLine(bench, {
    ...{ command, args, shell: false, cwd, environment, env: added, timeoutSec: maxSeconds, number: 1 },
  });
  const { end, startedAt, endedAt } = attempt;
  const failure = end.kind === 'failed' ? end.failure : null;
  const tail = failure !== null && 'tail' in failure ? failure.tail.trim() : '';
  const exited = failure?.reason === 'exit-code' ? failure.exitCode : null;
  return {
    kind:
      failure?.reason === 'timed-out'
        ? 'timed-out'
        : failure?.reason === 'not-started'
          ? 'not-started'
          : 'ended',
    exitCode: end.kind === 'succeeded' ? 0 : exited,
    seconds: Math.round(endedAt - startedAt) / 1000,
    said: [endText(attempt), tail].filter(Boolean).join(': ').slice(0, MAX_SAID),
  };
}

const MAX_SAID = 500;
