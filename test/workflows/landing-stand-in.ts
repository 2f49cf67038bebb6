/**
 * Stand-ins for the activities of workstreams and landing: no tool, no repository. Commits and trees are named by what is
 * in them (`base+ws-a+ws-b`); what is landed has a commit of another name than what was merged, as in a repository.
 *
 * What a workstream does is in its name: `…nothing…` changes nothing, `…fails…` fails, `…conflicts…` cannot be merged (`…resolvable…`: but somebody can),
 * `…red…` breaks the gate `unit` in every tree that holds it, `…flaky…` the first time, `…held…` waits for the test.
 */
import { CancelledFailure, Context } from '@temporalio/activity';
import type {
  WorkstreamActivities,
  WorkstreamEnded,
  WorkstreamTask,
} from '../../src/activities/workstream/api.js';
import type { BudgetLimits } from '../../src/plan/budget.js';
import type { Plan } from '../../src/plan/plan.js';
import type {
  GatesDone,
  GatesTask,
  LandingActivities,
  MergeDone,
  MergeOutcome,
  MergeTask,
  MoveDone,
  MoveTask,
  ReleaseTask,
  ResolveTask,
} from '../../src/workflows/landing-api.js';
import type { BreakerLimits } from '../../src/workstream/breaker.js';
import { compileSet, type CompileOptions } from '../../src/workstream/compile.js';
import { NEW_FIX_STATE } from '../../src/workstream/fix-loop.js';
import { defaultSettings } from '../../src/workstream/load/load-settings.js';
import { RESOLUTION } from '../landing/world.js';
import { planOfSet, workstreamsOf } from '../workstream/set.js';

/** Something at work that the test ends. */
export interface Held<Task> {
  readonly task: Task;
  readonly attempt: number;
  go(): void;
  /** Resolves when it was canceled. */
  readonly stopped: Promise<void>;
}

class Gate<Task> {
  readonly #there: Held<Task>[] = [];
  readonly #wanted: ((held: Held<Task>) => void)[] = [];

  /** Returns the next one that waits here. */
  next(): Promise<Held<Task>> {
    const held = this.#there.shift();
    return held === undefined ? new Promise((resolve) => this.#wanted.push(resolve)) : Promise.resolve(held);
  }

  async wait(task: Task, canceled: () => unknown): Promise<void> {
    const { info, cancellationSignal } = Context.current();
    const beat = setInterval(() => Context.current().heartbeat(), 100);
    try {
      await new Promise<void>((go, reject) => {
        let stop = (): void => undefined;
        const stopped = new Promise<void>((resolve) => (stop = resolve));
        cancellationSignal.addEventListener('abort', () => {
          stop();
          reject(new CancelledFailure('CANCELLED', [canceled()]));
        });
        const held = { task, attempt: info.attempt, go, stopped };
        const wanted = this.#wanted.shift();
        if (wanted === undefined) this.#there.push(held);
        else wanted(held);
      });
    } finally {
      clearInterval(beat);
    }
  }
}

export class Shop {
  /** Where the branch is. */
  branch = 'base';
  readonly workstreams: WorkstreamTask[] = [];
  readonly merges: MergeTask[] = [];
  readonly resolved: ResolveTask[] = [];
  readonly gateRuns: GatesTask[] = [];
  readonly moves: MoveTask[] = [];
  readonly released: ReleaseTask[] = [];
  /** Every commit the branch was at. */
  readonly tips: string[] = [];
  readonly heldWork = new Gate<WorkstreamTask>();
  readonly heldResolving = new Gate<ResolveTask>();
  readonly heldGates = new Gate<GatesTask>();
  readonly heldMoves = new Gate<MoveTask>();
  /** Which gate runs, resolvers and moves wait for the test. */
  holdsGates: (task: GatesTask) => boolean = () => false;
  holdsResolving: (task: ResolveTask) => boolean = () => false;
  /** Why the branch may not be moved. */
  refusesMoves: string | null = null;
  holdsMoves: (task: MoveTask) => boolean = () => false;
  /** Which gate runs are lost with their worker, the first time. */
  losesGates: (task: GatesTask) => boolean = () => false;
  readonly #flaked = new Set<string>();

  readonly activities: WorkstreamActivities & LandingActivities = {
    runWorkstream: async (task) => {
      this.workstreams.push(task);
      const { step } = task;
      const evidence = (): WorkstreamEnded => ended(task, 'failed', { reason: 'canceled' });
      if (step.includes('held')) await this.heldWork.wait(task, evidence);
      if (step.includes('nothing')) return ended(task, 'nothing', null);
      if (step.includes('quarantined'))
        return ended(task, 'quarantined', { reason: 'worktree-replaced', detail: 'a link' });
      const isOnce = step.includes('once') && task.attempt > 1;
      if (step.includes('fails') && !isOnce)
        return ended(task, 'failed', { reason: 'tool-failed', meaning: meaningOf(task), detail: 'no luck' });
      return ended(task, 'patched', null);
    },
    findTip: async ({ at }) => {
      const commit = at.startsWith('refs/') ? this.branch : at;
      return { commit, tree: treeOf(commit) };
    },
    mergeForLanding: async (task) => {
      this.merges.push(task);
      return merged(task);
    },
    resolveForLanding: async (task) => {
      this.resolved.push(task);
      if (this.holdsResolving(task)) await this.heldResolving.wait(task, () => null);
      const conflict = { kind: 'content', files: ['a.txt'], with: [], detail: 'nobody knows' } as const;
      if (!task.patch.id.includes('resolvable')) return { kind: 'conflicted', conflict };
      const commit = `${treeOf(task.onto)}+${task.patch.id}`;
      return { kind: 'merged', commit, tree: commit, conflict, resolved: [RESOLUTION] };
    },
    runGates: async (task) => {
      this.gateRuns.push(task);
      if (this.losesGates(task) && Context.current().info.attempt === 1) return Context.current().cancelled; // it is not heard of any more
      if (this.holdsGates(task)) await this.heldGates.wait(task, () => null);
      return this.#gate(task);
    },
    releaseMerges: (task) => {
      this.released.push(task);
      return Promise.resolve();
    },
    moveBranch: async (task) => {
      this.moves.push(task);
      if (this.holdsMoves(task)) await this.heldMoves.wait(task, () => null);
      return this.#move(task);
    },
  };

  /** Somebody else moves the branch. */
  push(name: string): void {
    this.branch = `landed:${treeOf(this.branch)}+${name}`;
  }

  #gate({ tree, gates }: GatesTask): GatesDone {
    const results: GatesDone['results'][number][] = [];
    for (const { name, blocking } of gates) {
      const flakes = tree.split('+').filter((part) => part.includes('flaky') && !this.#flaked.has(part));
      for (const part of flakes) this.#flaked.add(part);
      const isRed = name === 'unit' && (/red/.test(tree) || flakes.length > 0);
      const result = isRed || name === 'style' ? 'red' : 'green';
      results.push({ gate: name, result, startedAt: 1, endedAt: 2, tail: isRed ? '1 test failed' : '' });
      if (result === 'red' && blocking) break;
    }
    return { results };
  }

  #move({ from, tree }: MoveTask): MoveDone {
    if (this.refusesMoves !== null) return { kind: 'land-refused', detail: this.refusesMoves };
    if (this.branch !== from) return { kind: 'land-lost', commit: this.branch, tree: treeOf(this.branch) };
    this.branch = `landed:${tree}`;
    this.tips.push(this.branch);
    return { kind: 'landed', commit: this.branch };
  }
}

const treeOf = (commit: string): string => commit.replace(/^landed:/, '');

function merged({ onto, patches, above = [] }: MergeTask): MergeDone {
  const done: MergeOutcome[] = [];
  let at = onto;
  for (const unit of [patches, ...above]) {
    const one = mergedOne(at, unit);
    done.push(one);
    if (one.kind === 'conflicted') break;
    at = one.commit;
  }
  const [first, ...others] = done;
  return { ...first!, above: others };
}

function mergedOne(onto: string, patches: MergeTask['patches']): MergeOutcome {
  let tree = treeOf(onto);
  for (const { id } of patches) {
    if (id.includes('conflicts')) {
      const conflict = { kind: 'content', files: ['a.txt'], with: [], detail: 'both changed it' } as const;
      return { kind: 'conflicted', patch: id, conflict };
    }
    tree += `+${id}`;
  }
  return { kind: 'merged', commit: tree, tree };
}

/** The quota of the first tool is used up. */
const meaningOf = ({ step, tool }: WorkstreamTask): 'quota' | 'failed' =>
  step.includes('quota') && !tool.name.startsWith('codex') ? 'quota' : 'failed';

function ended(
  task: WorkstreamTask,
  outcome: WorkstreamEnded['outcome'],
  trouble: WorkstreamEnded['trouble'],
): WorkstreamEnded {
  const { runId, step, attempt, base, startsWith, tool } = task;
  const isPatch = outcome !== 'nothing' && trouble?.reason !== 'tool-failed';
  const nothing = { ref: null, file: null, bytes: 0, hunks: 0, paths: [], leftOut: 0, dropped: [] };
  return {
    ...{ outcome, trouble, text: trouble === null ? 'done' : `${trouble.reason}: no luck` },
    patch: isPatch
      ? {
          ...nothing,
          ...{ id: `${runId}/${step}-${attempt}`, commit: `p-${step}`, tree: `t-${step}`, sha256: 'abc' },
          base: [base, ...startsWith.map(({ commit }) => commit)].join(' '),
          ...{ files: 1, insertions: 2, deletions: 3, evidence: null, details: '' },
        }
      : null,
    ...{ ledger: null, validation: null, checks: [], fix: NEW_FIX_STATE, startedFrom: base, lost: [] },
    calls: [
      {
        ...{
          tool: tool.name,
          round: 1,
          meaning: usedHow(trouble),
          failure: null,
          cost: { usd: 0.5, tokensIn: 1, tokensOut: 1 },
        },
        attempt: { number: 1, startedAt: 1, endedAt: 2, end: { kind: 'succeeded', exitCode: 0 }, logs: null },
      },
    ],
    ...{ notes: [], startedAt: 1, endedAt: 2 },
  };
}

const usedHow = (trouble: WorkstreamEnded['trouble']): 'worked' | 'failed' | 'refused' | 'quota' =>
  trouble?.reason === 'tool-failed' ? trouble.meaning : 'worked';

const gate = (name: string, blocking = true) => ({ name, command: 'true', timeoutSec: 60, blocking });
export const UNIT = gate('unit');
/** Always red, and stops nothing. */
export const STYLE = gate('style', false);

const NO_SETTINGS = {
  ...{ executable: null, model: null, args: [], prompt: null, env: {}, timeoutSec: null },
  ...{ capabilities: null, litter: [] },
};

/** Compiles workstreams as `workstream run` does. */
export async function setOf(
  graph: Parameters<typeof workstreamsOf>[0],
  {
    landing = {},
    tools: [tool, ...fallbacks] = ['aider', 'codex'],
    breaker = {},
    budget = {},
    others = {},
    ...options
  }: Omit<Partial<CompileOptions>, 'landing'> & {
    landing?: Partial<CompileOptions['landing']>;
    /** The first, and those that take over. Breakers are by tool, and all tests share one server. */
    tools?: readonly [string, ...string[]];
    breaker?: Partial<BreakerLimits>;
    budget?: Partial<BudgetLimits>;
    /** Tools of some of them, by id. */
    others?: Readonly<Record<string, string>>;
  } = {},
): Promise<Plan> {
  const all = (await workstreamsOf(graph)).map((one) => ({ ...one, tool: others[one.id] ?? tool }));
  const named = [tool, ...fallbacks, ...Object.values(others)];
  const settings = defaultSettings();
  const { retry_policy: policy } = settings.execution;
  return compileSet(all, planOfSet(all, 100), {
    planId: 'SET',
    settings: {
      ...settings,
      execution: { ...settings.execution, retry_policy: { ...policy, max_retries: 1, backoff_seconds: 0 } },
      tools: Object.fromEntries(named.map((name) => [name, NO_SETTINGS])),
      routing: {
        ...settings.routing,
        tools: Object.fromEntries(named.map((name) => [name, []])),
        fallbacks: { [tool]: fallbacks },
      },
      // Failures on purpose are no news to others, unless a test is about that.
      breaker: { ...settings.breaker, failures: 1_000, ...breaker },
      budget: { ...settings.budget, ...budget },
    },
    ...{ maxWorkers: 100, strictWaves: false, dryRun: false, branch: 'refs/heads/main' },
    ...options,
    landing: { gates: [UNIT], slots: 4, maxBatch: 1, begins: 'when-all-ended', ...landing },
  });
}
