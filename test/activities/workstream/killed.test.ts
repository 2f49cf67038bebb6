/**
 * A worker killed (`kill -9`) at the moments of an attempt: nothing is lost, and the next start begins anew.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import type { WorkstreamTask } from '../../../src/activities/workstream/api.js';
import { namesIn } from '../../../src/os/paths.js';
import { noteFile, worktreesFolder } from '../../../src/tools/git/own-worktree.js';
import { restorePatch } from '../../../src/tools/git/restore-patch.js';
import { killIfThere, sleepers, until } from '../../support/processes.js';
import { expectHealthy, snapshot } from '../../tools/git/support/snapshot.js';
import { contentOf } from '../../tools/git/support/work.js';
import { RUN, STEP } from './attempts.js';
import { doomedWorkers } from './doomed-worker.js';

const doomed = doomedWorkers();

const folder = (): string => worktreesFolder(doomed.hall.home, doomed.repository.commonDir);
const patches = (): string => join(doomed.hall.home, 'runs', RUN, 'steps', STEP, 'patches');
const ids = (): string[] => (existsSync(join(folder(), '.own')) ? readdirSync(join(folder(), '.own')) : []);
const noteSays = (state: string): boolean => {
  const [id] = ids();
  return (
    id !== undefined &&
    existsSync(noteFile(folder(), id)) &&
    readFileSync(noteFile(folder(), id), 'utf8').includes(`"${state}"`)
  );
};
const refs = (): string =>
  doomed.hall.repo.git('for-each-ref', '--format=%(refname)', 'refs/planwright/patches');

/** Git stops here, in the making of a work tree: it is over too soon to be caught in passing. */
const STOPPING_GIT = (seconds: string): string =>
  `#!/bin/sh\nPATH=\${PATH#*:}\ncase " $* " in *" worktree add "*) git "$@"; exec sleep ${seconds} ;; esac\nexec git "$@"\n`;
const isStopped = (): boolean => sleepers(doomed.seconds).length === 1;

/** When the worker is killed: what is seen then, and whether the tool has written by then. */
const moments: Record<string, [seen: () => boolean, mode: 'namespace' | 'group', wrote: boolean]> = {
  'while the work tree is being made': [() => noteSays('making') && isStopped(), 'namespace', false],
  'when it has been made': [() => noteSays('ready'), 'namespace', false],
  'while the tool works': [() => sleepers(doomed.seconds).length === 1, 'namespace', true],
  'while the tool works, and lives on': [() => sleepers(doomed.seconds).length === 1, 'group', true],
  'while the patch is written': [
    () => existsSync(patches()) && readdirSync(patches()).length > 0,
    'namespace',
    true,
  ],
  'when the patch is there': [() => refs() !== '', 'namespace', true],
};

test.each(Object.entries(moments))('%s', async (name, [seen, mode, wrote]) => {
  const before = snapshot(doomed.hall.repo.path);
  const long = name.startsWith('while the tool');
  const script = `echo half > src/half${long ? `; sleep ${doomed.seconds}` : ''}`;
  // What is captured is checked: so that a worker killed late has not come to its end all the same.
  const check = {
    step: 'static',
    name: 'long',
    line: `sleep ${doomed.seconds}`,
    timeoutSec: 60,
    blocking: true,
  } as const;
  const bin = join(doomed.hall.folder, 'bin');
  mkdirSync(bin);
  if (name.includes('being made'))
    writeFileSync(join(bin, 'git'), STOPPING_GIT(doomed.seconds), { mode: 0o755 });
  const worker = start(doomed.hall.taskOf(script, { checks: [check] }), mode, bin);
  await until(name, seen);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  if (name.includes('being made')) sleepers(doomed.seconds).forEach(killIfThere);
  const ended = await doomed.hall.run('test ! -e src/half; echo whole > src/whole');
  expect([ended.outcome, ended.patch!.paths]).toEqual(['patched', ['src/whole']]);
  if (wrote) {
    const found = [];
    for (const [n, ref] of refs().split('\n').entries()) {
      const back = join(doomed.hall.folder, `back-${n}`);
      await restorePatch(doomed.repository, ref.slice('refs/planwright/patches/'.length), back);
      found.push(contentOf(back)['src/half']);
    }
    expect(found).toContain('half\n');
  }
  expect((await namesIn(folder())).filter((entry) => !entry.startsWith('.'))).toEqual([]);
  expect(doomed.hall.repo.git('worktree', 'list').split('\n')).toHaveLength(1);
  expect(snapshot(doomed.hall.repo.path)).toEqual(before);
  expectHealthy(doomed.hall.repo.path);
});

function start(task: WorkstreamTask, mode: 'namespace' | 'group', bin: string): ChildProcess {
  const file = join(doomed.hall.folder, 'task.json');
  writeFileSync(file, JSON.stringify(task));
  const { PATH, HOME, GIT_CONFIG_GLOBAL } = process.env;
  return spawn(process.execPath, [doomed.program, doomed.hall.home, file], {
    env: {
      ...{ PATH: `${bin}${delimiter}${PATH ?? ''}`, HOME, GIT_CONFIG_GLOBAL, GIT_CONFIG_NOSYSTEM: '1' },
      PLANWRIGHT_CONTAINMENT: mode,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}
