/**
 * From bundle files to workstreams. A file, or one bundle of a list, that is wrong is named with its place and reason,
 * and never stops the others.
 */
import { inOrder, isError, type Problem } from '../../plan/load/diagnostics.js';
import { quote } from '../../plan/quote.js';
import type { Workstream, WorkstreamId } from '../workstream.js';
import { findBlocked } from './find-blocked.js';
import { readBundles, type Draft } from './read-bundles.js';

export interface LoadSetRequest {
  /** Bundle files as the person named them, in the order in which they are to be reported. */
  readonly files: readonly string[];
  /** Reads a file as UTF-8. What it throws makes that file malformed. */
  readonly readText: (file: string) => string | Promise<string>;
  /** Unknown keys and other spellings are errors. */
  readonly strict?: boolean;
}

/** A workstream and where it was written. */
export interface Bundle {
  readonly workstream: Workstream;
  readonly file: string;
  readonly line: number;
}

/** A file, or one bundle of a list, that is not used. */
export interface Malformed {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What it would be called: its own id where that can be read, else the file's name without its ending. */
  readonly id: string;
  readonly reason: string;
}

/** A workstream that cannot start, whatever the others come to. */
export interface Blocked {
  readonly id: WorkstreamId;
  readonly reason: string;
}

export interface LoadedSet {
  /** In order of id; those that are blocked are among them. */
  readonly bundles: readonly Bundle[];
  readonly malformed: readonly Malformed[];
  readonly blocked: readonly Blocked[];
  /** Ids that depend on each other in a circle, each from its smallest id on. */
  readonly cycles: readonly (readonly WorkstreamId[])[];
  /** All errors and warnings, in order of file and place. */
  readonly problems: readonly Problem[];
}

/** Loads a set of workstreams. Never throws for what a file or a reader does. */
export async function loadSet({ files, readText, strict = false }: LoadSetRequest): Promise<LoadedSet> {
  const drafts: Draft[] = [];
  for (const file of files) drafts.push(...(await readBundles(file, readText, strict)));
  const problems = drafts.flatMap((draft) => draft.problems);
  const sound = withoutDoubles(drafts, problems);
  const malformed = drafts
    .filter((draft) => !sound.includes(draft))
    .map(({ file, line, column, id, problems: own }): Malformed => {
      const first = own.find(isError)!;
      const place = first.line > 0 ? first : { line, column };
      return { file, id, line: place.line, column: place.column, reason: first.message };
    });
  sound.sort((a, b) => (a.id < b.id ? -1 : 1));
  const { blocked, cycles } = findBlocked(sound, malformed, problems);
  return {
    bundles: sound.map(({ workstream, file, line }) => ({ workstream: workstream!, file, line })),
    malformed,
    blocked,
    cycles,
    problems: inOrder(problems, files),
  };
}

/** Refuses every workstream whose id another one has too: which of them is meant, nobody can say. */
function withoutDoubles(drafts: readonly Draft[], problems: Problem[]): Draft[] {
  const byId = new Map<string, Draft[]>();
  for (const draft of drafts) {
    if (draft.workstream === null) continue;
    byId.set(draft.id, [...(byId.get(draft.id) ?? []), draft]);
  }
  const sound: Draft[] = [];
  for (const [id, same] of byId) {
    if (same.length === 1) {
      sound.push(same[0]!);
      continue;
    }
    for (const draft of same) {
      const other = same.find((one) => one !== draft)!;
      const message = `duplicate workstream id ${quote(id)}: ${other.file}:${other.line} has it too`;
      const problem: Problem = {
        code: 'duplicate-id',
        severity: 'error',
        file: draft.file,
        ...draft.place(['id']),
        path: ['id'],
        message,
        hint: 'each workstream needs an id of its own; none of these is used',
      };
      draft.problems.push(problem);
      problems.push(problem);
    }
  }
  return sound;
}
