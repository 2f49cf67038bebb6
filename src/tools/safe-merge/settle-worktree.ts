/**
 * The work tree in which a person resolves what is left: the merge as far as it came, with marks in the files and the
 * three versions of each in the index, as `git merge` would leave it.
 */
import { copyFile, readFile, lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Objects } from '../git/objects.js';
import { bytesFromPath, fields, fileBytes, pathFromBytes } from '../git/path-bytes.js';
import { gitIn, line, openRepository, type Repository } from '../git/repository.js';
import { keepUnfinished } from './finish-merge.js';
import { hasMarks } from './marked-text.js';
import type { MergeRecord, ResolutionRecord } from './merge-record.js';
import { stopped } from './reasons.js';
import type { Context } from './tool.js';
import { listed } from './words.js';
import { freshIndex, openWorkshop, workshopPath } from './workshop.js';

const NUL = Buffer.from([0]);

/** Lays the merge out and returns where. */
export async function layOut(
  context: Context,
  objects: Objects,
  merge: MergeRecord,
  { tree, left }: ResolutionRecord,
): Promise<string> {
  const commit = await keepUnfinished(context, objects, merge, tree);
  const workshop = await openWorkshop(context, 'conflicts', commit);
  const none = '0'.repeat(commit.length);
  const orders: Buffer[] = [];
  for (const { path } of left) {
    const conflict = merge.conflicts.find((one) => one.path === path);
    const order = (head: string): void =>
      void orders.push(Buffer.from(`${head}\t`), bytesFromPath(path), NUL);
    order(`0 ${none}`);
    [conflict?.base, conflict?.ours, conflict?.theirs].forEach((stage, index) => {
      if (stage !== null && stage !== undefined) order(`${stage.mode} ${stage.id} ${index + 1}`);
    });
  }
  await gitIn(workshop, ['update-index', '-z', '--index-info'], { input: Buffer.concat(orders) });
  return workshop.workTree ?? '';
}

/**
 * Takes the files as the person left them.
 *
 * @returns the tree they make
 * @throws Stopped when some are not decided
 */
export async function takeResolved(
  context: Context,
  objects: Objects,
  { tree, left }: ResolutionRecord,
): Promise<string> {
  const path = workshopPath(context, 'conflicts');
  const workshop = await openRepository(path).catch(() => null);
  if (workshop === null || tree === null || workshop.commonDir !== context.repository.commonDir) {
    throw stopped('conflicts_unresolved', 2, {
      code: 'worktree_missing',
      message: `the work tree for resolving, "${path}", is not there any more.`,
      hint: 'Start the safe merge again: it makes a new one.',
    });
  }
  const unmerged = await unmergedPaths(workshop);
  const open: string[] = [];
  for (const one of left) {
    if (await isOpen(workshop, objects, tree, one.path, unmerged)) open.push(one.path);
  }
  if (open.length > 0) {
    throw stopped('conflicts_unresolved', 1, {
      code: 'not_resolved',
      message: `in ${path} these are not resolved: ${listed(open)}.`,
      hint: `Edit them there and say so to git (git -C ${path} add <file>), then settle again; or decide for ours, theirs or abort.`,
    });
  }
  // Not by its own index: killed there, git would leave a lock in a place where a person is at work.
  const env = { GIT_INDEX_FILE: await freshIndex(workshop) };
  await copyFile(join(workshop.gitDir, 'index'), env.GIT_INDEX_FILE);
  await gitIn(workshop, ['add', '--all', '.'], { env });
  return line(await gitIn(workshop, ['write-tree'], { env }));
}

async function unmergedPaths(workshop: Repository): Promise<ReadonlySet<string>> {
  const answer = await gitIn(workshop, ['ls-files', '--unmerged', '-z'], { maxBytes: 256 * 1024 * 1024 });
  return new Set(
    [...fields(answer.stdout)].map((field) => pathFromBytes(field.subarray(field.indexOf(9) + 1))),
  );
}

/** Marks are left in it; or it is as it was laid out, and nobody told git that this is meant. */
async function isOpen(
  workshop: Repository,
  objects: Objects,
  tree: string,
  path: string,
  unmerged: ReadonlySet<string>,
): Promise<boolean> {
  const now = await contentAt(workshop, path);
  const laid = await laidOut(objects, tree, path);
  if (now !== null && now.kind === 'file' && hasMarks(now.bytes.toString('utf8'), [])) {
    // A file that is about such marks has them on purpose, and then somebody staged it.
    if (unmerged.has(path) || laid === null || hasMarks(laid.toString('utf8'), [])) return true;
  }
  if (!unmerged.has(path)) return false;
  if (now === null) return laid === null;
  return laid !== null && laid.equals(now.bytes);
}

async function contentAt(
  workshop: Repository,
  path: string,
): Promise<{ kind: 'file' | 'link'; bytes: Buffer } | null> {
  const file = fileBytes(workshop.workTree ?? '', path);
  try {
    const stats = await lstat(file);
    if (stats.isSymbolicLink()) return { kind: 'link', bytes: await readlink(file, { encoding: 'buffer' }) };
    return stats.isFile() ? { kind: 'file', bytes: await readFile(file) } : null;
  } catch {
    return null;
  }
}

async function laidOut(objects: Objects, tree: string, path: string): Promise<Buffer | null> {
  const input = Buffer.concat([Buffer.from(`${tree}:`), bytesFromPath(path), Buffer.from('\n')]);
  if (path.includes('\n')) return null;
  const answer = await objects.git(['cat-file', '--batch'], { input, maxBytes: 256 * 1024 * 1024 });
  const end = answer.stdout.indexOf(10);
  const [, kind, size] = answer.stdout.toString('latin1', 0, Math.max(0, end)).split(' ');
  if (kind !== 'blob') return null;
  return answer.stdout.subarray(end + 1, end + 1 + Number(size));
}
