/**
 * Resolving conflicts by a program of the person's: each file's versions in, merged text and a confidence out. What was
 * resolved before in the same way is taken from memory first.
 */
import { constants } from 'node:fs';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import type { Conflict, Stage } from '../git/merge-tree.js';
import type { Objects } from '../git/objects.js';
import { listTree, readBlob } from '../git/tree.js';
import { hasMarks } from './marked-text.js';
import type { ResolutionRecord } from './merge-record.js';
import type { CommandEnd, PersonCommand } from './person-command.js';
import { type Lesson, recall } from './remembered.js';
import type { Report } from './reasons.js';
import { syntaxError } from './syntax.js';

export interface ResolverLimits {
  /** The resolver's command; empty: only what is remembered. */
  readonly resolver: string;
  /** A command that must accept what was resolved; empty: none. */
  readonly check: string;
  readonly maxSeconds: number;
  readonly minConfidence: number;
}

/** A file to be resolved, and why it has not been yet. */
export type Left = ResolutionRecord['left'][number];

/** For whom conflicts are resolved, and how commands are started there. */
export interface Asking {
  /** A folder of our own, made anew: what is asked and answered. */
  readonly folder: string;
  /** The state directory, where resolutions are remembered. */
  readonly home: string;
  readonly run: string;
  /** What is merged, for the resolver to know: into which branch, and from where. */
  readonly branch: string;
  readonly source: string;
  readonly start: (command: ResolverCommand) => Promise<CommandEnd>;
}

/** `env`: what is added to the environment it gets anyway. */
export interface ResolverCommand extends Omit<PersonCommand, 'env'> {
  readonly env: Readonly<Record<string, string>>;
}

export interface Asked {
  readonly contents: ReadonlyMap<string, Stage | null>;
  readonly resolved: readonly Report[];
  readonly left: readonly Left[];
  readonly lessons: readonly Lesson[];
}

/** What a resolver can be asked about: two versions of a text. The rest is about names, kinds and whole files. */
const ANSWERABLE = ['content', 'add/add', 'modify/delete'];
/** Larger texts are nobody's to merge by hand. */
const MAX_TEXT = 10 * 1024 * 1024;

/**
 * Tries to resolve what is left, file by file.
 *
 * @param merged - what git made of the merge
 */
export async function resolveLeft(
  asking: Asking,
  objects: Objects,
  merged: { readonly tree: string | null; readonly conflicts: readonly Conflict[] },
  left: readonly Left[],
  limits: ResolverLimits,
): Promise<Asked> {
  const marked = await markedBlobs(objects, merged.tree, left);
  const contents = new Map<string, Stage | null>();
  const resolved: Report[] = [];
  const still: Left[] = [];
  const lessons: Lesson[] = [];
  const { folder } = asking;
  await rm(folder, { recursive: true, force: true });
  for (const [index, one] of left.entries()) {
    const conflict = merged.conflicts.find(({ path }) => path === one.path);
    if (conflict === undefined) throw new Error(`BUG: "${one.path}" is not in conflict`);
    const at = join(folder, String(index + 1));
    await mkdir(at, { recursive: true });
    const outcome = await resolveOne({ asking, objects, conflict, one, at, limits }, marked.get(one.path));
    if ('why' in outcome) {
      still.push({ ...one, why: outcome.why });
      continue;
    }
    contents.set(one.path, outcome.content);
    resolved.push({ path: one.path, class: one.class, ...outcome.report });
    if (outcome.lesson !== null) lessons.push(outcome.lesson);
  }
  return { contents, resolved, left: still, lessons };
}

interface Case {
  readonly asking: Asking;
  readonly objects: Objects;
  readonly conflict: Conflict;
  readonly one: Left;
  /** A folder for this file. */
  readonly at: string;
  readonly limits: ResolverLimits;
}

type Outcome =
  | { readonly content: Stage | null; readonly report: Report; readonly lesson: Lesson | null }
  | { readonly why: string };

async function resolveOne(asked: Case, marked: Stage | undefined): Promise<Outcome> {
  const { asking, objects, conflict, one, at, limits } = asked;
  if (one.class === 'do_not_merge') return { why: 'files of class "do_not_merge" are left to a person' };
  if (!ANSWERABLE.includes(conflict.kind)) {
    return { why: `a conflict of kind "${conflict.kind}" is no question of two texts` };
  }
  const texts = await textsOf(objects, conflict, marked);
  if (texts === null) return { why: 'it is no text, or longer than a resolver is asked about' };
  const mode = modeOf(conflict);
  if (mode === null) return { why: 'the sides do not agree on whether it is executable' };
  const versions = [texts.base, texts.ours, texts.theirs].flatMap((text) => text ?? []);
  const verdict = async (text: string): Promise<string | null> => faultOf(asked, text, versions);
  const known = texts.marked === null ? null : await recall(objects, at, asking.home, texts.marked);
  if (known !== null && (await verdict(known)) === null) {
    const content = { mode, id: await writeBlob(objects, known) };
    return { content, report: { by: 'memory', confidence: null }, lesson: null };
  }
  if (limits.resolver === '') return { why: one.why };
  const answer = await ask(asked, texts);
  if ('why' in answer) return answer;
  const { confidence, note, seconds } = answer;
  const report = { by: 'resolver', confidence, note, seconds };
  if (confidence < limits.minConfidence) {
    return {
      why: `the resolver is sure of its answer to ${confidence} only; ${limits.minConfidence} is asked for`,
    };
  }
  if (answer.text === null) return { content: null, report: { ...report, deleted: true }, lesson: null };
  const fault = await verdict(answer.text);
  if (fault !== null) return { why: `the resolver's answer is not taken: ${fault}` };
  return {
    content: { mode, id: await writeBlob(objects, answer.text) },
    report,
    lesson: texts.marked === null ? null : { marked: texts.marked, resolved: answer.text },
  };
}

interface Texts {
  readonly base: string | null;
  readonly ours: string | null;
  readonly theirs: string | null;
  /** What git made of them, with marks. */
  readonly marked: string | null;
}

async function textsOf(
  objects: Objects,
  { base, ours, theirs, kind }: Conflict,
  marked: Stage | undefined,
): Promise<Texts | null> {
  const read = async (stage: Stage | null): Promise<string | null> => {
    if (stage === null) return null;
    const bytes = await readBlob(objects, stage.id, MAX_TEXT);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  };
  try {
    const texts = { base: await read(base), ours: await read(ours), theirs: await read(theirs) };
    if (Object.values(texts).some((text) => text?.includes('\0') ?? false)) return null;
    return { ...texts, marked: kind === 'modify/delete' ? null : await read(marked ?? null) };
  } catch {
    return null; // not UTF-8, or too long
  }
}

/** The mode that one side gave it, or both; null when each gave it another. */
function modeOf({ base, ours, theirs }: Conflict): string | null {
  const [first, second] = [ours?.mode ?? theirs?.mode, theirs?.mode ?? ours?.mode];
  if (first === second) return first ?? null;
  if (base?.mode === first) return second ?? null;
  return base?.mode === second ? (first ?? null) : null;
}

/** Why a text may not stand, or null. */
async function faultOf(
  { asking, conflict, at, limits }: Case,
  text: string,
  versions: readonly string[],
): Promise<string | null> {
  if (hasMarks(text, versions)) return 'marks of a conflict are left in it';
  // A file that was no proper JSON before need not become one.
  const proper = versions.every((version) => syntaxError(conflict.path, version) === null);
  const fault = proper ? syntaxError(conflict.path, text) : null;
  if (fault !== null) return `it cannot be read any more: ${fault}`;
  if (limits.check === '') return null;
  const file = join(at, 'candidate');
  await writeFile(file, text);
  const env = { SAFE_MERGE_FILE: file, SAFE_MERGE_PATH: conflict.path };
  const log = join(at, 'check.log');
  const end = await asking.start({
    line: limits.check,
    cwd: at,
    env,
    maxSeconds: limits.maxSeconds,
    log,
  });
  return end.exitCode === 0 ? null : `the check says no (${end.said})`;
}

interface Answer {
  /** Null: the file shall go. */
  readonly text: string | null;
  readonly confidence: number;
  readonly note: string | null;
  readonly seconds: number;
}

async function ask(
  { asking, conflict, one, at, limits }: Case,
  texts: Texts,
): Promise<Answer | { why: string }> {
  const files: Record<string, string | null> = {};
  for (const name of ['base', 'ours', 'theirs', 'marked'] as const) {
    const text = texts[name];
    files[name] = text === null ? null : join(at, name);
    if (text !== null) await writeFile(join(at, name), text);
  }
  const result = join(at, 'result.json');
  await rm(result, { force: true });
  const request = {
    format: 1,
    run: asking.run,
    branch: asking.branch,
    source: asking.source,
    path: conflict.path,
    kind: conflict.kind,
    class: one.class,
    ...files,
    result,
    text: join(at, 'merged'),
    max_seconds: limits.maxSeconds,
    min_confidence: limits.minConfidence,
  };
  await writeFile(join(at, 'request.json'), `${JSON.stringify(request, null, 2)}\n`);
  const env = { SAFE_MERGE_REQUEST: join(at, 'request.json') };
  const log = join(at, 'resolver.log');
  const end = await asking.start({
    line: limits.resolver,
    cwd: at,
    env,
    maxSeconds: limits.maxSeconds,
    log,
  });
  if (end.exitCode !== 0) return { why: `the resolver gave no answer (${end.said})` };
  const answer = await readAnswer(at, result);
  return 'why' in answer ? answer : { ...answer, seconds: end.seconds };
}

async function readAnswer(at: string, result: string): Promise<Omit<Answer, 'seconds'> | { why: string }> {
  const refuse = (why: string): { why: string } => ({ why: `the resolver's answer cannot be read: ${why}` });
  let answer: { text?: unknown; delete?: unknown; confidence?: unknown; note?: unknown };
  try {
    answer = (JSON.parse(await readFile(result, 'utf8')) ?? {}) as typeof answer;
  } catch (error) {
    return refuse((error as Error).message);
  }
  const { confidence, note } = answer;
  if (typeof confidence !== 'number' || !(confidence >= 0 && confidence <= 1)) {
    return refuse('"confidence" is no number from 0 to 1');
  }
  const head = { confidence, note: typeof note === 'string' ? note.slice(0, 500) : null };
  if (answer.delete === true) return { ...head, text: null };
  if (typeof answer.text !== 'string' || answer.text === '') return refuse('"text" names no file');
  const path = isAbsolute(answer.text) ? answer.text : resolve(at, answer.text);
  try {
    // Not through a link, and not waiting for a writer of a pipe.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile() || stats.size > MAX_TEXT)
        return refuse(`"${path}" is no file of at most ${MAX_TEXT} bytes`);
      return {
        ...head,
        text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await file.readFile()),
      };
    } finally {
      await file.close();
    }
  } catch (error) {
    return refuse((error as Error).message);
  }
}

/** What git left at the paths in conflict. */
async function markedBlobs(
  objects: Objects,
  tree: string | null,
  left: readonly Left[],
): Promise<ReadonlyMap<string, Stage>> {
  if (tree === null || left.length === 0) return new Map();
  const wanted = new Set(left.map(({ path }) => path));
  const entries = (await listTree(objects, tree)).entries().filter(({ path }) => wanted.has(path));
  return new Map(entries.map(({ path, mode, id }) => [path, { mode, id }]));
}

/** Writes a text into the repository's objects. */
export async function writeBlob(objects: Objects, text: string): Promise<string> {
  const answer = await objects.git(['hash-object', '-w', '--stdin', '--no-filters'], { input: text });
  return answer.stdout.toString('utf8').trim();
}
