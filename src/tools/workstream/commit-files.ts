/**
 * Committing single files of a work tree to a branch, on objects alone: nobody's index, branch or files are touched.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCommit, type People } from '../git/commit.js';
import { withObjects, type Objects } from '../git/objects.js';
import { bytesFromPath } from '../git/path-bytes.js';
import { moveRefs } from '../git/refs.js';
import { gitIn, line, type Repository } from '../git/repository.js';
import { changeTree } from '../git/tree.js';

export interface FileToCommit {
  /** Seen from the top of the work tree, with "/". */
  readonly path: string;
  readonly message: string;
}

export interface CommittedFile {
  readonly path: string;
  /** Null: the branch has these bytes already. */
  readonly commit: string | null;
  /** Why it was left out; null when it was not. */
  readonly trouble: string | null;
}

export interface FileCommits {
  readonly files: readonly CommittedFile[];
  readonly tip: string;
}

/**
 * Makes a commit for each file that differs from the branch's, and then moves the branch, once, from where it was seen. A
 * file that cannot be read is told of and stops no other.
 *
 * @param from - where the branch is; null when it is to be made
 * @param start - where it begins then
 * @throws BranchMoved when somebody else moved it meanwhile: nothing has changed
 */
export async function commitFiles(
  repository: Repository,
  branch: string,
  { from, start }: { readonly from: string | null; readonly start: string },
  files: readonly FileToCommit[],
  { people, atSec, dryRun }: { readonly people: People; readonly atSec: number; readonly dryRun: boolean },
): Promise<FileCommits> {
  const parent = await mkdtemp(join(tmpdir(), 'planwright-sync-'));
  try {
    return await withObjects(repository, parent, async (objects) => {
      let tip = from ?? start;
      const done: CommittedFile[] = [];
      for (const file of files) {
        try {
          const commit = await commitOne(repository, objects, tip, file, people, atSec);
          done.push({ path: file.path, commit, trouble: null });
          tip = commit ?? tip;
        } catch (error) {
          const trouble = error instanceof Error ? error.message : String(error);
          done.push({ path: file.path, commit: null, trouble });
        }
      }
      if (!dryRun && tip !== from && (from !== null || tip !== start)) {
        const ref = `refs/heads/${branch}`;
        const moved = await moveRefs(repository, [{ ref, from, to: tip }], 'planwright: workstream sync');
        if (moved.kind !== 'moved') throw new BranchMoved(branch);
      }
      return { files: done, tip };
    });
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

export class BranchMoved extends Error {
  override readonly name = 'BranchMoved';
  constructor(readonly branch: string) {
    super(`branch "${branch}" was moved by somebody else, or is locked; nothing was committed`);
  }
}

async function commitOne(
  repository: Repository,
  objects: Objects,
  tip: string,
  { path, message }: FileToCommit,
  people: People,
  atSec: number,
): Promise<string | null> {
  const content = await readFile(join(repository.workTree ?? '', path));
  // With the path, so that line ends are what `.gitattributes` says, as in a commit of the person's own.
  const id = line(
    await gitIn(repository, ['hash-object', '-w', '--stdin', `--path=${path}`], { input: content }),
  );
  const before = await entryAt(objects, tip, path);
  if (before?.id === id) return null;
  const tree = await changeTree(objects, tip, new Map([[path, { mode: before?.mode ?? '100644', id }]]));
  return writeCommit(objects, { tree, parents: [tip], message, people, atSec });
}

async function entryAt(
  objects: Objects,
  commit: string,
  path: string,
): Promise<{ readonly mode: string; readonly id: string } | null> {
  const name = bytesFromPath(path).toString('utf8');
  const answer = await objects.git([
    '--literal-pathspecs',
    'ls-tree',
    '-z',
    '--full-tree',
    commit,
    '--',
    name,
  ]);
  const [, mode, id] = /^(\d+) blob ([0-9a-f]+)\t/.exec(answer.stdout.toString('utf8')) ?? [];
  return mode === undefined || id === undefined ? null : { mode, id };
}
