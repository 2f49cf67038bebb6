/**
 * A host lost in the middle of a workstream, killed with `kill -9`: with `continue` another one goes on from what was kept.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, test } from 'vitest';
import type {
  WorkstreamEnded,
  WorkstreamHeartbeat,
  WorkstreamTask,
} from '../../../src/activities/workstream/api.js';
import { workstreamActivities } from '../../../src/activities/workstream/index.js';
import { namesIn } from '../../../src/os/paths.js';
import { readJson } from '../../../src/os/json-file.js';
import { checkpointsFolder } from '../../../src/tools/git/checkpoint-files.js';
import { sleepers, until } from '../../support/processes.js';
import { RUN, type Changes } from './attempts.js';
import { doomedWorkers } from './doomed-worker.js';

const doomed = doomedWorkers();

const checkpoints = (): Promise<string[]> => namesIn(checkpointsFolder(doomed.repository, RUN));
const taskFile = (): string => join(doomed.hall.folder, 'task.json');
const lastBeat = (): WorkstreamHeartbeat | null =>
  readJson(`${taskFile()}.beat`) as WorkstreamHeartbeat | null;

/** Runs a script on the first host, and kills that in the middle. */
async function lose(script: string, changes: Changes, seen: () => boolean): Promise<void> {
  writeFileSync(
    taskFile(),
    JSON.stringify(doomed.hall.taskOf(`${script}; exec sleep ${doomed.seconds}`, changes)),
  );
  const { PATH, HOME, GIT_CONFIG_GLOBAL } = process.env;
  const worker: ChildProcess = spawn(process.execPath, [doomed.program, doomed.hall.home, taskFile()], {
    env: { PATH, HOME, GIT_CONFIG_GLOBAL, GIT_CONFIG_NOSYSTEM: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await until('the worker is where it is to be killed', seen);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
}

/** The next start: on another host, with a state directory of its own. */
function elsewhere(
  script: string,
  changes: Changes = {},
  { start = 2, beat = null }: { start?: number; beat?: WorkstreamHeartbeat | null } = {},
): Promise<WorkstreamEnded> {
  const world = { ...doomed.hall.world, home: join(doomed.hall.folder, 'other-home'), host: 'other-host' };
  const info = {
    ...{ attempt: start, startToCloseTimeoutMs: 600_000 },
    ...(beat === null ? {} : { heartbeatDetails: beat }),
  };
  const env = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
  const { runWorkstream } = workstreamActivities(world);
  return env.run<[WorkstreamTask], WorkstreamEnded, typeof runWorkstream>(
    runWorkstream,
    doomed.hall.taskOf(script, changes),
  );
}

/** Another repository at the same commit, as hosts have that share no disk. */
function otherClone(): string {
  execFileSync('git', [
    'clone',
    '-q',
    '--no-local',
    doomed.hall.repo.path,
    join(doomed.hall.folder, 'clone'),
  ]);
  return join(doomed.hall.folder, 'clone');
}

const CONTINUE = { checkpointSec: 1 };
const HALF = 'echo half > src/half; rm src/util.py';
/** A checkpoint is taken at any moment: not of the first of the two changes alone. */
const holdsHalf = (): boolean => lastBeat()?.checkpoint?.files === 2;
const isTold = 'grep -q "src/half" "$PLANWRIGHT_PROMPT_FILE"; test "$PLANWRIGHT_GOES_ON" = 1';
const GO_ON = `${isTold}; test ! -e src/util.py; echo whole >> src/half`;
const ended = (to: WorkstreamEnded) => [to.outcome, to.text, to.patch?.paths];
const holds = (to: WorkstreamEnded, path: string, at = doomed.hall.repo.path): string =>
  execFileSync('git', ['-C', at, 'show', `${to.patch!.commit}:${path}`], { encoding: 'utf8' });

test('a host that shares the repository goes on from the checkpoint, and its tool is told so', async () => {
  await lose(HALF, CONTINUE, () => existsSync(kept(1)) && holdsHalf());
  const on = await elsewhere(GO_ON, CONTINUE);
  expect(ended(on)).toEqual(['patched', expect.any(String), ['src/half', 'src/util.py']]);
  expect(holds(on, 'src/half')).toBe('half\nwhole\n');
  expect(on.notes.join()).toMatch(/went on from a start that was lost on "test-host": 2 files, kept at /);
  expect(await checkpoints()).toEqual([]);
});

test('a host that has only a clone goes on from what the heartbeat carried', async () => {
  await lose(HALF, CONTINUE, () => typeof lastBeat()?.checkpoint?.pack === 'string' && holdsHalf());
  const root = otherClone();
  const on = await elsewhere(GO_ON, { ...CONTINUE, root }, { beat: lastBeat() });
  expect(ended(on)).toEqual(['patched', expect.any(String), ['src/half', 'src/util.py']]);
  expect(holds(on, 'src/half', root)).toBe('half\nwhole\n');
});

test('what is too much for a heartbeat is begun again by a host that has only a clone, and says so', async () => {
  const random = 'head -c 60000 /dev/urandom > src/half';
  await lose(random, CONTINUE, () => lastBeat()?.checkpoint?.pack === null);
  const script = 'test ! -e src/half; echo new > src/new';
  const on = await elsewhere(script, { ...CONTINUE, root: otherClone() }, { beat: lastBeat() });
  expect(ended(on)).toEqual(['patched', expect.any(String), ['src/new']]);
  expect(on.notes.join()).toContain(
    'begun again, though something was kept of a start that was lost on "test-host": it was too much',
  );
});

test('the same host goes on from the work tree itself, which is newer than any checkpoint', async () => {
  const never = { checkpointSec: 3600 };
  await lose(HALF, never, () => sleepers(doomed.seconds).length === 1);
  const on = await doomed.hall.run(GO_ON, never, { attempt: 2 });
  expect(ended(on)).toEqual(['patched', expect.any(String), ['src/half', 'src/util.py']]);
  expect(on.lost).toHaveLength(1);
});

test('with "restart" nothing is kept while the tool works, and another host begins again', async () => {
  await lose(HALF, {}, () => sleepers(doomed.seconds).length === 1);
  expect(await checkpoints()).toEqual([]);
  const on = await elsewhere('test ! -e src/half; test -z "$PLANWRIGHT_GOES_ON"; echo new > src/new');
  expect([...ended(on), on.notes]).toEqual(['patched', expect.any(String), ['src/new'], []]);
});

test('of several starts that were lost the last that wrote anything counts', async () => {
  await lose(HALF, CONTINUE, () => typeof lastBeat()?.checkpoint?.pack === 'string' && holdsHalf());
  const first = lastBeat();
  // A second start that got no further than to tell what it had been given.
  const on = await elsewhere(GO_ON, CONTINUE, { start: 3, beat: { ...first!, stage: 'open' } });
  expect(holds(on, 'src/half')).toBe('half\nwhole\n');
});

test('a host that comes back late overwrites nothing, and takes its own checkpoint away', async () => {
  const gate = (name: string): string => join(doomed.hall.folder, name);
  const wait = (name: string): string => `until [ -e ${gate(name)} ]; do sleep 0.05; done`;
  const late = doomed.hall.start(`${HALF}; ${wait('go')}; echo late > src/half; ${wait('never')}`, CONTINUE);
  await until('it has kept all it wrote', () => headOf(kept(1))?.files === 2);
  const second = elsewhere(
    `${GO_ON}; touch src/second ${gate('second')}; ${wait('end')}; echo end >> src/half`,
    CONTINUE,
  );
  await until('the second has its own', () => headOf(kept(2))?.files === 3);
  // The first goes on meanwhile, cut off from the server: whatever it keeps is its own.
  const before = readFileSync(kept(2));
  const own = readFileSync(kept(1));
  writeFileSync(gate('go'), '');
  await until('the first has kept more', () => !readFileSync(kept(1)).equals(own));
  expect(readFileSync(kept(2))).toEqual(before);
  writeFileSync(gate('end'), '');
  const on = await second;
  expect(holds(on, 'src/half')).toBe('half\nwhole\nend\n');
  late.env.cancel('NOT_FOUND');
  await expect(late.told).rejects.toThrow();
  expect(holds(on, 'src/half')).toBe('half\nwhole\nend\n');
  expect(await checkpoints()).toEqual([]);
});

const kept = (start: number): string =>
  join(checkpointsFolder(doomed.repository, RUN), `ws-a-1.${start}.checkpoint`);
/** What a checkpoint's file says of it in its first line. */
const headOf = (file: string): { readonly files: number } | null =>
  existsSync(file)
    ? (JSON.parse(readFileSync(file, 'latin1').split('\n')[0]!) as { readonly files: number })
    : null;
