/**
 * Do these commands pass on exactly this commit? They run in a work tree of our own, so neither what lies about in the
 * person's checkout nor what it lacks can change the answer.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { stateHome } from '../../home.js';
import { GitFailure } from '../git/call.js';
import { moveRefs, readRef } from '../git/refs.js';
import { gitIn, line, openRepository, type Repository } from '../git/repository.js';
import { runPersonCommand } from '../safe-merge/person-command.js';
import { runKey } from '../safe-merge/state.js';
import { closeWorkshop, openWorkshop } from '../safe-merge/workshop.js';
import type { Done, RepoWorld } from './main.js';
import { Refused } from './refused.js';

export interface CommitGate {
  readonly root: string;
  readonly commit: string;
  readonly gate: readonly string[];
  /** A branch; empty: nothing is moved. */
  readonly move: string;
  readonly maxSeconds: string;
}

interface GateEnd {
  readonly command: string;
  readonly exit_code: number | null;
  readonly seconds: number;
  readonly log: string;
}

/**
 * Runs the gates on a commit, one after the other up to the first that is red, and moves the branch when all are green.
 *
 * @throws Refused when there is no such commit or gate, or the branch may not move
 */
export async function commitGate(asked: CommitGate, world: RepoWorld): Promise<Done> {
  const gates = asked.gate.filter((command) => command.trim() !== '');
  if (gates.length === 0) throw new Refused('there is no gate to run: name one with --gate "npm test"');
  const maxSeconds = Number(asked.maxSeconds);
  if (!Number.isInteger(maxSeconds) || maxSeconds < 1 || maxSeconds > 86_400)
    throw new Refused(`--max-seconds must be a whole number from 1 to 86400, found "${asked.maxSeconds}"`);
  const repository = await openRepository(resolve(world.cwd, asked.root));
  const commit = await commitOf(repository, asked.commit);
  const tree = line(await gitIn(repository, ['rev-parse', '--verify', `${commit}^{tree}`]));
  const branch = asked.move === '' ? null : await branchToMove(repository, asked.move, commit);
  const ends = await runGates(repository, commit, gates, maxSeconds, world);
  const isGreen = ends.every(({ exit_code: code }) => code === 0);
  const head = { commit, tree, status: isGreen ? 'pass' : 'fail', gates: ends };
  if (!isGreen)
    return { exitCode: 1, report: { ...head, moved: null, summary: `red: ${ends.at(-1)!.command}` } };
  if (branch === null || branch.old === commit)
    return { exitCode: 0, report: { ...head, moved: null, summary: `green: ${commit.slice(0, 12)}` } };
  const { ref, old } = branch;
  const moved = await moveRefs(
    repository,
    [{ ref, from: old, to: commit }],
    'planwright: the commit test gate is green',
  );
  if (moved.kind !== 'moved') {
    const why =
      moved.kind === 'stale'
        ? `it moved meanwhile, to ${moved.found ?? 'nothing'}`
        : `${moved.lock} is in the way`;
    throw new Refused(`the gates are green, and "${asked.move}" was not moved: ${why}; run the gate again`);
  }
  return {
    exitCode: 0,
    report: { ...head, moved: { ref, from: old, to: commit }, summary: `green, and ${asked.move} is there` },
  };
}

async function commitOf(repository: Repository, name: string): Promise<string> {
  try {
    return line(
      await gitIn(repository, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]),
    );
  } catch (error) {
    if (!(error instanceof GitFailure)) throw error;
    throw new Refused(
      `there is no commit "${name}" in ${repository.commonDir}: name a commit, a branch or a tag that is here`,
    );
  }
}

/** A branch moves forward only, and never under somebody's feet: its files would be those of another commit. */
async function branchToMove(
  repository: Repository,
  name: string,
  commit: string,
): Promise<{ readonly ref: string; readonly old: string | null }> {
  const ref = name.startsWith('refs/') ? name : `refs/heads/${name}`;
  await gitIn(repository, ['check-ref-format', ref]).catch(() => {
    throw new Refused(`"${name}" cannot be the name of a branch`);
  });
  if (!ref.startsWith('refs/heads/')) throw new Refused(`only a branch is moved, and "${name}" is none`);
  const old = await readRef(repository, ref);
  if (old === null) return { ref, old };
  const where = line(await gitIn(repository, ['for-each-ref', '--format=%(worktreepath)', '--', ref]));
  if (where !== '')
    throw new Refused(
      `"${name}" is checked out in ${where}, and its files would stay behind: leave out --move and merge there, or check out another branch`,
    );
  const isForward = await gitIn(repository, ['merge-base', '--is-ancestor', old, commit]).then(
    () => true,
    () => false,
  );
  if (!isForward)
    throw new Refused(
      `"${name}" is at ${old}, which is not below ${commit}: it would lose commits; merge it first`,
    );
  return { ref, old };
}

async function runGates(
  repository: Repository,
  commit: string,
  gates: readonly string[],
  maxSeconds: number,
  { env, say }: RepoWorld,
): Promise<readonly GateEnd[]> {
  const id = [env['PLANWRIGHT_RUN_ID'] ?? `by-hand-${process.pid}`, env['PLANWRIGHT_STEP_ID'] ?? 'gate'].join(
    '_',
  );
  const run = runKey(id);
  const logs = join(stateHome(env), 'gates', run);
  await mkdir(logs, { recursive: true, mode: 0o700 });
  const owner = { repository, env, run, say };
  const ends: GateEnd[] = [];
  const workshop = await openWorkshop(owner, 'gate', commit);
  try {
    for (const [index, command] of gates.entries()) {
      const log = join(logs, `${index + 1}.log`);
      const own = { ...env, GATE_COMMIT: commit };
      const end = await runPersonCommand({
        line: command,
        cwd: workshop.workTree ?? '',
        env: own,
        maxSeconds,
        log,
      });
      ends.push({ command, exit_code: end.exitCode, seconds: end.seconds, log });
      say(`${end.exitCode === 0 ? 'green' : 'red'}: ${command}${end.exitCode === 0 ? '' : `\n${end.said}`}`);
      if (end.exitCode !== 0) break;
    }
  } finally {
    await closeWorkshop(owner, 'gate');
  }
  return ends;
}
