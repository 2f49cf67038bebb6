/**
 * Making a merge commit, and who makes it.
 */
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
