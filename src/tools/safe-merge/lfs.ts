/**
 * Files whose content is kept outside git, by Git LFS.
 */
import { readAttributes, useAttributesOf } from '../git/attributes.js';
import type { Objects } from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import { diffTrees } from '../git/tree.js';
import { type Problem, stopped } from './reasons.js';
import type { Context } from './tool.js';
import { listed } from './words.js';

/** What git and Git LFS say when its filter does not work: by a pipe, so that git talks of a remote end. */
const FAILED = /git-lfs|filter '?lfs'? failed|remote end hung up/;

/** Tells whether a call of git failed because of Git LFS. */
export const isOfLfs = (repository: Repository | null, said: string): boolean =>
  repository?.lfs === true && FAILED.test(said);

export const lfsFailed = (what: string, said: string): Problem => ({
  code: 'lfs_failed',
  message: `Git LFS, which this repository is configured to use, ${what}: ${said}`,
  hint: 'Put git-lfs where the safe merge runs (on the PATH of the worker) and see that "git lfs pull" works there, then start again.',
});

/**
 * Refuses to push commits that bring such files: they are uploaded by the pre-push hook of Git LFS, which does not run,
 * and others would get pointers to nothing.
 *
 * @throws Stopped
 */
export async function refuseLfs(context: Context, objects: Objects, from: string, to: string): Promise<void> {
  if (!context.repository.lfs) return;
  const kept = new Set([
    ...(await changedFiles(objects, from, to)),
    ...(await newPointers(objects, from, to)),
  ]);
  if (kept.size === 0) return;
  const { remote, branch } = context.target;
  throw stopped('guarded_push_failed', 2, {
    code: 'lfs_not_pushed',
    message: `files kept in Git LFS would be pushed without their content: ${listed([...kept])}.`,
    hint: `Merge and push these commits with git itself, which uploads them (git pull --no-rebase ${remote} ${branch}; git push ${remote} ${branch}). After that a safe merge is possible again.`,
  });
}

/** Files that it keeps, by their attributes. */
async function changedFiles(objects: Objects, from: string, to: string): Promise<string[]> {
  await useAttributesOf(objects, to);
  const changed = await diffTrees(objects, from, to);
  const paths = changed.filter((change) => change.after !== null).map((change) => change.path);
  const values = await readAttributes((args, options) => objects.git(args, options), ['filter'], paths);
  return [...(values.get('filter') ?? [])].filter(([, name]) => name === 'lfs').map(([path]) => path);
}

/** No pointer is longer: what is, git-lfs does not look into either. */
const MAX_POINTER = 1024;
const POINTER = /^version https:\/\/(git-lfs|hawser)\.github\.com\/spec\/v\d/;
const MAX_LISTING = 512 * 1024 * 1024;

/** Pointers that only the commits in between have, by content, as git-lfs finds them: a later one may have taken them out again. */
async function newPointers(objects: Objects, from: string, to: string): Promise<string[]> {
  const maxBytes = MAX_LISTING;
  const brought = await objects.git(['rev-list', '--objects', to, `^${from}`], { maxBytes });
  const check = ['cat-file', '--batch-check=%(objecttype) %(objectsize) %(objectname) %(rest)'];
  const facts = (await objects.git(check, { input: brought.stdout, maxBytes })).stdout.toString('utf8');
  const small = facts.split('\n').flatMap((fact) => {
    const [, size, id = '', path = ''] = /^blob (\d+) (\w+) (.*)$/.exec(fact) ?? [];
    return Number(size) <= MAX_POINTER ? [{ id, path }] : [];
  });
  if (small.length === 0) return [];
  const input = small.map(({ id }) => `${id}\n`).join('');
  const contents = (await objects.git(['cat-file', '--batch'], { input, maxBytes })).stdout;
  let at = 0;
  return small.flatMap(({ path }) => {
    const head = contents.indexOf(0x0a, at) + 1; // <id> blob <size>
    const size = Number(contents.toString('latin1', at, head).split(' ')[2]);
    at = head + size + 1;
    return POINTER.test(contents.toString('latin1', head, head + size)) ? [path] : [];
  });
}
