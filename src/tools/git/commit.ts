/**
 * Making a merge commit, and who makes it.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GitFailure } from './call.js';
import type { Objects } from './objects.js';
import { gitIn, line, type Repository } from './repository.js';

export interface Person {
  readonly name: string;
  readonly email: string;
}

export interface People {
  readonly author: Person;
  readonly committer: Person;
}

/** Returns whom git would name in a commit, or null when nobody told it. */
export async function identity(repository: Repository): Promise<People | null> {
  const [author, committer] = await Promise.all([
    person(repository, 'GIT_AUTHOR_IDENT'),
    person(repository, 'GIT_COMMITTER_IDENT'),
  ]);
  return author === null || committer === null ? null : { author, committer };
}

async function person(repository: Repository, variable: string): Promise<Person | null> {
  try {
    // Without this git makes a name up from the account and the host.
    const settings = [['user.useConfigOnly', 'true']] as const;
    const text = line(await gitIn(repository, ['var', variable], { settings }));
    const [, name, email] = /^(.*) <(.*)> \d+ [+-]\d+$/.exec(text) ?? [];
    return name === undefined || email === undefined || name === '' ? null : { name, email };
  } catch (error) {
    if (error instanceof GitFailure && error.reason === 'exit-code') return null;
    throw error;
  }
}

export interface NewCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  readonly people: People;
  /** Seconds since 1970. Given, not taken from the clock: making the commit again gives the same one. */
  readonly atSec: number;
}

/** Writes a commit and returns its id. Safe to run twice. */
export async function writeCommit(objects: Pick<Objects, 'git'>, commit: NewCommit): Promise<string> {
  const parents = commit.parents.flatMap((parent) => ['-p', parent]);
  const { author, committer } = commit.people;
  const date = `@${commit.atSec} +0000`;
  const answer = await objects.git(['commit-tree', ...parents, '-F', '-', commit.tree], {
    input: commit.message,
    env: {
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: committer.name,
      GIT_COMMITTER_EMAIL: committer.email,
      GIT_COMMITTER_DATE: date,
    },
  });
  return line(answer);
}

/** A commit as git stores it, with the name that git gives to it. */
export interface CommitObject {
  readonly id: string;
  readonly text: string;
}

/** Returns what `writeCommit` would write, for `writeCommits`. Names of people must be as git leaves them. */
export function newCommit({ tree, parents, message, people, atSec }: NewCommit): CommitObject {
  const by = ({ name, email }: Person): string => `${name} <${email}> ${atSec} +0000`;
  const head = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${by(people.author)}`,
    `committer ${by(people.committer)}`,
  ];
  const text = `${head.join('\n')}\n\n${message}`;
  const format = tree.length === 40 ? 'sha1' : 'sha256';
  const id = createHash(format)
    .update(`commit ${Buffer.byteLength(text)}\0`)
    .update(text)
    .digest('hex');
  return { id, text };
}

/** Writes commits, by one git for all of them. Safe to run twice. */
export async function writeCommits(objects: Objects, commits: readonly CommitObject[]): Promise<void> {
  const fresh = [...new Map(commits.map((commit) => [commit.id, commit])).values()];
  if (fresh.length === 0) return;
  const files = await Promise.all(
    fresh.map(async ({ id, text }) => {
      const file = join(objects.directory, `commit-${id}`);
      await writeFile(file, text);
      return file;
    }),
  );
  const answer = await objects.git(['hash-object', '-t', 'commit', '-w', '--no-filters', '--stdin-paths'], {
    input: files.map((file) => `${file}\n`).join(''),
  });
  const written = line(answer).split('\n');
  const at = fresh.findIndex(({ id }, index) => id !== written[index]);
  if (at >= 0) throw new Error(`BUG: commit ${fresh[at]!.id} was written as ${written[at]}`);
}
