/**
 * Attempts of workstreams for tests: a real repository, a state directory, Temporal's part played by a mock, and a stand-in
 * for a tool that really edits files: a shell script.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Info } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { onTestFailed } from 'vitest';
import type { WorkstreamEnded, WorkstreamTask } from '../../../src/activities/workstream/api.js';
import { workstreamActivities } from '../../../src/activities/workstream/index.js';
import type { WorkstreamWorld } from '../../../src/activities/workstream/start-line.js';
import type { StepId } from '../../../src/plan/plan.js';
import { openContainment } from '../../../src/tools/process/index.js';
import type { WorkstreamWork } from '../../../src/workstream/compile.js';
import { DEFAULT_CONSTRAINTS } from '../../../src/workstream/constraints.js';
import { DEFAULT_FIX_LIMITS } from '../../../src/workstream/fix-loop.js';
import { ANY_COMMAND } from '../../../src/workstream/tool/adapters.js';
import type { Tool } from '../../../src/workstream/tool/registry.js';
import type { WorkstreamId } from '../../../src/workstream/workstream.js';
import { newRepo, type Files, type Repo } from '../../tools/git/support/sandbox.js';

export const RUN = 'set-01JABCDEFGHJKMNPQRSTVWXYZ0';
export const STEP = 'ws-a' as StepId;

export type Changes = Partial<Omit<WorkstreamTask, 'work' | 'tool'>> & {
  readonly work?: Partial<WorkstreamWork>;
  readonly tool?: Partial<Tool>;
};

export interface Hall {
  readonly folder: string;
  readonly home: string;
  readonly repo: Repo;
  readonly base: string;
  readonly world: WorkstreamWorld;
  readonly ending: AbortController;
  /** Starts an attempt whose tool is this shell script. */
  start(
    script: string,
    changes?: Changes,
    info?: Partial<Info>,
  ): { env: MockActivityEnvironment; told: Promise<WorkstreamEnded> };
  run(script: string, changes?: Changes, info?: Partial<Info>): Promise<WorkstreamEnded>;
  taskOf(script: string, changes?: Changes): WorkstreamTask;
  /** Runs another activity. */
  act<Task, Result>(activity: (task: Task) => Promise<Result>, task: Task): Promise<Result>;
  activities: ReturnType<typeof workstreamActivities>;
  close(): Promise<void>;
}

export const FILES: Files = {
  'README.md': 'one\n',
  'src/app.py': 'print("a")\n',
  'src/util.py': 'x = 1\n',
  'tests/test_app.py': 'def test(): pass\n',
  '.gitignore': '*.log\n',
};

const quiet = new DefaultLogger('ERROR');

/** Opens a hall for one test. */
export async function openHall(changes: Partial<WorkstreamWorld> = {}): Promise<Hall> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'planwright-workstream-')));
  const repo = newRepo(join(folder, 'repo'));
  const base = repo.commit('base', FILES);
  const ending = new AbortController();
  const world: WorkstreamWorld = {
    ...{ home: join(folder, 'home'), host: 'test-host', containment: await openContainment(), bin: null },
    env: { PATH: process.env['PATH'], HOME: folder },
    ...{ ending: ending.signal, graceMs: 300 },
    ...changes,
  };
  const activities = workstreamActivities(world);
  const hall: Hall = {
    ...{ folder, home: world.home, repo, base, world, ending, activities },
    taskOf: (script, { work = {}, tool = {}, ...rest } = {}) => ({
      ...{ runId: RUN, step: STEP, attempt: 1, root: repo.path, project: 'demo', base, startsWith: [] },
      ...{ isolation: 'worktree', setup: [], checks: [], checkTimeoutSec: 60, minFreeBytes: 0 },
      constraints: DEFAULT_CONSTRAINTS,
      tool: {
        ...ANY_COMMAND,
        name: 'stand-in',
        title: 'Stand-in',
        executable: 'sh',
        args: ['-ec', script],
        model: null,
        more: [],
        ...tool,
      },
      work: {
        ...{
          kind: 'workstream',
          workstream: 'ws-a' as WorkstreamId,
          startsWith: [],
          after: [],
          tools: ['stand-in'],
        },
        ...{
          route: { tool: 'stand-in', by: 'tool', note: null },
          prompt: 'Do it.',
          files: [],
          notExecutable: [],
        },
        ...{
          filesScope: ['src/'],
          filesCreate: ['docs/'],
          acceptanceTests: [],
          testGates: [],
          toolTimeoutSec: 60,
        },
        ...{ fix: DEFAULT_FIX_LIMITS, maxCostUsd: null, dryRun: false, means: {}, metadata: {} },
        ...work,
      },
      ...rest,
    }),
    start(script, changes = {}, info = {}) {
      const env = new MockActivityEnvironment({ startToCloseTimeoutMs: 600_000, ...info }, { logger: quiet });
      let last: unknown = null;
      env.on('heartbeat', (beat: unknown) => void (last = beat));
      // One that hangs says where.
      onTestFailed(() => console.error('the last heartbeat of the attempt:', JSON.stringify(last)));
      const told = env.run<[WorkstreamTask], WorkstreamEnded, typeof activities.runWorkstream>(
        activities.runWorkstream,
        hall.taskOf(script, changes),
      );
      return { env, told };
    },
    run: (script, changes = {}, info = {}) => hall.start(script, changes, info).told,
    act: <Task, Result>(activity: (task: Task) => Promise<Result>, task: Task) =>
      new MockActivityEnvironment({}, { logger: quiet }).run<[Task], Result, typeof activity>(activity, task),
    async close() {
      await world.containment.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
  return hall;
}
