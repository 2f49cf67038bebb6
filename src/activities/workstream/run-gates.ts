/**
 * The activity `runGates`: commands on exactly a tree, in a work tree that no tool has touched.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ApplicationFailure, type Context } from '@temporalio/activity';
import { namesIn } from '../../os/paths.js';
import { gitIn, line, openRepository, type Repository } from '../../tools/git/repository.js';
import {
  findOwnWorktree,
  openOwnWorktree,
  readNote,
  worktreesFolder,
  type OwnWorktree,
} from '../../tools/git/own-worktree.js';
import { lifeOf } from '../../os/process-identity.mjs';
import { removeHalfMade, removeOwnWorktree } from '../../tools/git/close-worktree.js';
import { takeSnapshot } from '../../tools/git/work-snapshot.js';
import { WorktreeRefused } from '../../tools/git/worktree-refused.js';
import type { GatesDone, GatesTask, LandingActivities } from '../../workflows/landing-api.js';
import { openStep } from '../attempt-files.js';
import { MachineTrouble, onMachine } from '../machine-trouble.js';
import type { CheckTask } from './api.js';
import { interruptible } from './interruptible.js';
import { bringBack, runCheck } from './run-checks.js';
import { endText, startLine, type Bench, type WorkstreamWorld } from './start-line.js';
import { checkEnvironment } from './tool-environment.js';

const SETUP_SEC = 1_800;
const PREFIX = 'gate-';

type Result = GatesDone['results'][number];

/** Returns the activity `runGates`. May run twice: it changes nothing but what it makes for itself. */
export function runGatesIn(world: WorkstreamWorld): LandingActivities['runGates'] {
  return async (task) => ({
    results: await interruptible('gates', (context) => runGates(world, task, context)),
  });
}

async function runGates(world: WorkstreamWorld, task: GatesTask, context: Context): Promise<Result[]> {
  const { runId, root, commit, tree, gates } = task;
  const step = onMachine(() => openStep(world.home, world.host, runId, task.step));
  const bench: Bench = {
    world,
    runId,
    step,
    schedule: context.info.activityId,
    cancellation: context.cancellationSignal,
  };
  const repository = await openRepository(root);
  // Its own name each time: another start may be at work on the same tree.
  const [answer] = await Promise.all([
    gitIn(repository, ['rev-parse', '--verify', '--end-of-options', `${commit}^{tree}`]),
    removeLost(world.home, repository, task),
  ]);
  const found = line(answer);
  if (found !== tree)
    throw ApplicationFailure.nonRetryable(
      `commit ${commit} has tree ${found}, not ${tree}`,
      'NotWhatIsGated',
    );
  const id = `${PREFIX}${tree.slice(0, 12)}-${randomBytes(6).toString('hex')}`;
  const owner = { run: runId, step: task.step, attempt: context.info.attempt };
  const worktree = await openOwnWorktree(repository, {
    ...{ home: world.home, id, commit, owner, minFreeBytes: task.minFreeBytes, includes: true },
  }).catch((error: unknown) => {
    throw error instanceof WorktreeRefused ? new MachineTrouble(error.message) : error;
  });
  try {
    const environment = checkEnvironment(world.env, task.env);
    const { path: cwd } = worktree;
    for (const command of task.setup) {
      const line = {
        command,
        args: [],
        shell: true,
        cwd,
        environment,
        env: {},
        timeoutSec: SETUP_SEC,
        number: 1,
      };
      const { attempt } = await startLine(bench, line);
      if (attempt.end.kind === 'succeeded') continue;
      const tail = `setup "${command}": ${endText(attempt)}`;
      const { startedAt, endedAt } = attempt;
      return gates.slice(0, 1).map(({ name }) => ({ gate: name, result: 'error', startedAt, endedAt, tail }));
    }
    const results: Result[] = [];
    // As git has just laid it out: until something of a person's has run in it there is nothing to look for.
    let isTouched = task.setup.length > 0;
    for (const { name, command, timeoutSec, blocking } of gates) {
      if (isTouched) await ensureTree(worktree, tree);
      isTouched = true;
      const check: CheckTask = { step: 'runtime', name, line: command, timeoutSec, blocking };
      const { result, errors, attempt } = await runCheck(bench, worktree, check, 1, environment);
      const { startedAt, endedAt } = attempt;
      const tail = errors.map(({ code, message }) => `${code}\n${message}`).join('\n');
      results.push({ gate: name, result: RESULTS[result], startedAt, endedAt, tail });
      if (result !== 'passed' && blocking) break;
    }
    return results;
  } finally {
    // What gates leave is theirs to make again.
    await removeOwnWorktree(worktree);
  }
}

const RESULTS = { passed: 'green', failed: 'red', error: 'error' } as const;

/** What the gate before changed is taken back: each runs on exactly the tree. */
async function ensureTree(worktree: OwnWorktree, tree: string): Promise<void> {
  if ((await bringBack(worktree, tree, () => false)).length === 0) return;
  const snapshot = await takeSnapshot(worktree, () => false);
  await snapshot.discard();
  if (snapshot.tree !== tree) throw new MachineTrouble(`the work tree is ${snapshot.tree}, not ${tree}`);
}

/** Removes work trees of gate runs that were lost with their worker, also while one was being made. */
async function removeLost(home: string, repository: Repository, { runId, step }: GatesTask): Promise<void> {
  const folder = worktreesFolder(home, repository.commonDir);
  for (const id of await namesIn(join(folder, '.own'))) {
    const note = id.startsWith(PREFIX) ? readNote(folder, id) : null;
    if (note?.owner.run !== runId || note.owner.step !== step || lifeOf(note.worker) !== 'dead') continue;
    const worktree = findOwnWorktree(repository, home, id);
    await (worktree === null ? removeHalfMade(repository, home, id) : removeOwnWorktree(worktree));
  }
}
