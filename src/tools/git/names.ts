/**
 * Which names of branches and remotes we hand to git, and what files and refs are called after them.
 *
 * The rule is closed and ours: git accepts `a$(id)`, `+x` and, through plumbing, a leading `-` in branch names, and each of
 * these means something to some program on the way (a shell, a refspec, an option parser).
 */
import { createHash } from 'node:crypto';

export type BranchName = string & { readonly __brand: 'BranchName' };
export type RemoteName = string & { readonly __brand: 'RemoteName' };

/** A name that is not used, and what is wrong with it, for a person. */
export class BadName extends Error {
  override readonly name = 'BadName';
  constructor(
    readonly kind: 'branch' | 'remote',
    readonly given: string,
    readonly why: string,
  ) {
    super(`${JSON.stringify(given.slice(0, 100))} is not a ${kind} name that can be used here: ${why}`);
  }
}

// A part of a branch between slashes. `@`, `+` and `#` occur in real names and mean nothing to git inside a part.
const PART = /^[A-Za-z0-9_][A-Za-z0-9_.+@#-]*$/;
// 200 leaves room for `refs/heads/`, `.lock` and a directory within the 255 bytes of a file name.
const MAX_BRANCH = 200;
const OBJECT_ID = /^([0-9a-f]{40}|[0-9a-f]{64})$/i;

/**
 * Checks the short name of a branch (`main`, `feature/login`).
 *
 * @throws BadName saying which rule it breaks
 */
export function branchName(text: string): BranchName {
  const refuse = (why: string): never => {
    throw new BadName('branch', text, why);
  };
  if (text === '') return refuse('it is empty.');
  if (text.length > MAX_BRANCH)
    return refuse(`it has ${text.length} characters; at most ${MAX_BRANCH} are allowed.`);
  if (text.startsWith('refs/')) return refuse('give the short name, without "refs/heads/".');
  if (text === 'HEAD') return refuse('HEAD is not a branch; name the branch itself.');
  if (OBJECT_ID.test(text)) return refuse('it reads like the id of an object; name the branch itself.');
  for (const part of text.split('/')) {
    if (part === '') return refuse('a "/" must stand between two parts.');
    if (!PART.test(part)) {
      return refuse(
        'each part may hold letters (a-z), digits and _ . + @ # -, and must open with a letter, a digit or _.',
      );
    }
    if (part.includes('..')) return refuse('".." is not allowed.');
    if (part.endsWith('.') || part.endsWith('.lock')) return refuse('no part may end in "." or ".lock".');
  }
  return text as BranchName;
}

/** Tells whether a text is a branch name that is used here. */
export function isBranchName(text: string): text is BranchName {
  try {
    branchName(text);
    return true;
  } catch (error) {
    if (error instanceof BadName) return false;
    throw error;
  }
}

/**
 * Checks the name of a remote.
 *
 * @throws BadName saying which rule it breaks
 */
export function remoteName(text: string): RemoteName {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(text) || text.includes('..') || /\.(lock)?$/.test(text)) {
    throw new BadName(
      'remote',
      text,
      'it may hold up to 100 letters (a-z), digits and _ . -, opening with a letter, a digit or _. ' +
        'Give the name of a remote (`git remote` lists them), not an address.',
    );
  }
  return text as RemoteName;
}

/**
 * Returns a file name (also one component of a ref) for any text: a branch, a run.
 *
 * Different texts get different names, also where the file system ignores case. A text that needs no change keeps its
 * looks; any other gets the start of its hash behind it.
 */
export function fileNameOf(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 80);
  // A text that already looks like "changed plus hash" is hashed too, so that it cannot meet another's changed name.
  const keeps =
    plain === text &&
    text !== '' &&
    !/[A-Z]/.test(text) &&
    !/-[0-9a-f]{8}$/.test(text) &&
    /^[a-z0-9]/.test(text);
  return keeps
    ? text
    : `${plain.replace(/^[-_]+/, '') || 'x'}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}
