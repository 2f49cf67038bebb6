/**
 * Gates: commands of the person's that the merged tree must pass before it is pushed.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Objects } from '../git/objects.js';
import { line } from '../git/repository.js';
import { runPersonCommand } from './person-command.js';
import { type Report, Stopped } from './reasons.js';
import type { Context } from './tool.js';
import { short } from './words.js';
import { closeWorkshop, openWorkshop } from './workshop.js';

export interface Gates {
  /** One after the other; the first that is red ends it. */
  readonly commands: readonly string[];
  readonly maxSeconds: number;
}

/** In `gate.json`: what was tried, and on what. */
export interface GateRecord extends Gates {
  /** The commit that passed; null when there was nothing to try it on. */
  readonly commit: string | null;
  readonly tree: string | null;
}

/**
 * Runs the gates on a commit, in a work tree of our own. What they write there is thrown away: the commit stays what it is.
 *
 * @returns what the report says of it
 * @throws Stopped when one is red
 */
export async function passGates(
  context: Context,
  objects: Objects,
  commit: string,
  { commands, maxSeconds }: Gates,
): Promise<Report> {
  const tree = line(await objects.git(['rev-parse', '--verify', `${commit}^{tree}`]));
  const head = { commit, tree, commands, maxSeconds };
  const logs = join(context.directory, 'gates');
  await rm(logs, { recursive: true, force: true });
  await mkdir(logs, { recursive: true });
  const gates: Report[] = [];
  const workshop = await openWorkshop(context, 'gate', commit);
  try {
    for (const [index, command] of commands.entries()) {
      const log = join(logs, `${index + 1}.log`);
      const { branch } = context.target;
      const env = { ...context.env, SAFE_MERGE_COMMIT: commit, SAFE_MERGE_BRANCH: branch };
      const cwd = workshop.workTree ?? '';
      const end = await runPersonCommand({ line: command, cwd, env, maxSeconds, log });
      gates.push({ command, exit_code: end.exitCode, seconds: end.seconds, log });
      if (end.exitCode !== 0)
        throw red(context, commit, command, log, end.said, { ...head, gates, commit: null });
    }
  } finally {
    await closeWorkshop(context, 'gate');
  }
  return { ...head, gates };
}

function red(
  { target }: Context,
  commit: string,
  command: string,
  log: string,
  said: string,
  report: Report,
): Stopped {
  return new Stopped(
    {
      exitCode: 1,
      reasonCode: 'gate_failed',
      problems: [
        {
          code: 'gate_red',
          message: `the gate "${command}" is red on the merge (${short(commit)}): ${said}`,
          hint: `Nothing was pushed, and "${target.branch}" is as it was. All it said: ${log}`,
        },
      ],
    },
    report,
  );
}
