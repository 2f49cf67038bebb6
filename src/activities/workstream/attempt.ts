/**
 * One attempt of a workstream: a work tree, the tool, what it wrote as a patch, and whether that may land.
 */
import { join } from 'node:path';
import { GitFailure } from '../../tools/git/call.js';
import { CaptureFailed } from '../../tools/git/capture-patch.js';
import { closeOwnWorktree } from '../../tools/git/close-worktree.js';
import type { OwnWorktree } from '../../tools/git/own-worktree.js';
import type { Repository } from '../../tools/git/repository.js';
import {
  afterCheck,
  NEW_FIX_STATE,
  type CheckError,
  type CheckStep,
  type FixState,
} from '../../workstream/fix-loop.js';
import { checkPatch, type Refusal } from '../../workstream/patch-rules.js';
import { covers } from '../../workstream/scope.js';
import { promptToGoOn, promptWithErrors } from '../../workstream/tool/command-for.js';
import type { CheckResult, CheckTask, ToolCall, WorkstreamTask, WorkstreamTrouble } from './api.js';
import { layEarlier, type EarlierWork } from './earlier-work.js';
import { findBreach, replacedBreach, startGuard, type Guard } from './guard.js';
import type { CheckpointKeeper } from './keep-checkpoints.js';
import { recordPatch, type Recorded } from './patch-records.js';
import { bringBack, runCheck } from './run-checks.js';
import { endText, startLine, type Bench } from './start-line.js';
import { callTool } from './tool-call.js';
import { checkEnvironment, type ToolEnvironment } from './tool-environment.js';
import { allEnded } from '../../os/all-ended.js';

/** What an attempt has come to so far. */
export interface Findings {
  recorded: Recorded | null;
  refusals: readonly Refusal[];
  fix: FixState;
  readonly calls: ToolCall[];
  readonly checks: CheckResult[];
  readonly notes: string[];
}

export const newFindings = (): Findings => ({
  ...{ recorded: null, refusals: [], fix: NEW_FIX_STATE, calls: [], checks: [], notes: [] },
});

/** Tells what it is at. */
export type Stage = (stage: string) => void;

export const litterOf =
  ({ litter }: WorkstreamTask['tool']): ((path: string) => boolean) =>
  (path) =>
    litter.some((pattern) => covers(pattern, path));

/** An attempt at work. */
export class AttemptAtWork {
  readonly #isLitter: (path: string) => boolean;
  readonly #checkEnv: ToolEnvironment;
  #guard: Guard | null = null;
  /** Nothing has run in the work tree since it was captured. */
  #isStill = false;

  constructor(
    private readonly bench: Bench,
    private readonly repository: Repository,
    private readonly worktree: OwnWorktree,
    private readonly task: WorkstreamTask,
    private readonly environment: ToolEnvironment,
    private readonly found: Findings,
    private readonly stage: Stage,
    /** Begun before the work tree was there; null: what sets it up comes first. */
    private readonly guarding: Promise<Guard> | null,
    /** Null: what the tool writes is not kept for a start that goes on, and nothing is gone on from. */
    private readonly keeper: CheckpointKeeper | null = null,
    private readonly earlier: EarlierWork | null = null,
  ) {
    this.#isLitter = litterOf(task.tool);
    this.#checkEnv = checkEnvironment(bench.world.env, task.env);
  }

  /**
   * Works until there is a patch that may land, or a reason why not.
   *
   * @returns that reason, or null
   * @throws Interrupted, MachineTrouble
   */
  async work(): Promise<WorkstreamTrouble | null> {
    const { task } = this;
    const unready = await this.#setUp();
    if (unready !== null) return unready;
    this.#guard = await (this.guarding ?? startGuard(this.bench.world.home, this.repository));
    const laid = this.earlier === null ? [] : await this.#lay(this.earlier);
    this.keeper?.open(this.worktree, this.#isLitter);
    let prompt = laid.length === 0 ? task.work.prompt : promptToGoOn(task.work.prompt, laid);
    for (let round = 1; ; round += 1) {
      const failed = await this.#call(prompt, round, round === 1 && laid.length > 0);
      if (failed !== null) return failed;
      const verdict = await this.#check(round);
      if (verdict.kind === 'trouble') return verdict.trouble;
      if (verdict.kind === 'good') return null;
      const spent = this.#overBudget();
      if (spent !== null) return spent;
      prompt = promptWithErrors(task.work.prompt, verdict.errors);
    }
  }

  /** Says that the calls so far cost all there was, or null. */
  #overBudget(): WorkstreamTrouble | null {
    const { maxUsd = null } = this.task;
    const spentUsd = this.#spent;
    return maxUsd === null || spentUsd < maxUsd ? null : { reason: 'over-budget', spentUsd, maxUsd };
  }

  get #spent(): number {
    return this.found.calls.reduce((sum, { cost }) => sum + (cost.usd ?? 0), 0);
  }

  async #setUp(): Promise<WorkstreamTrouble | null> {
    for (const line of this.task.setup) {
      this.stage(`setup: ${line}`);
      const { path: cwd } = this.worktree;
      const { attempt } = await startLine(this.bench, {
        ...{ command: line, args: [], shell: true, cwd, environment: this.#checkEnv, env: {}, number: 1 },
        timeoutSec: this.task.checkTimeoutSec,
      });
      if (attempt.end.kind !== 'succeeded')
        return { reason: 'setup-failed', detail: `"${line}": ${endText(attempt)}` };
    }
    // What setting up wrote is not the tool's: the tree it begins with is the base.
    const changed =
      this.task.setup.length === 0 ? [] : await bringBack(this.worktree, this.worktree.base, this.#isLitter);
    if (changed.length > 0)
      this.found.notes.push(
        `setup changed files that are not ignored, taken back: ${changed.slice(0, 5).join(', ')}`,
      );
    return null;
  }

  /** Lays what an earlier start had written, to be gone on with. Returns its paths; none where it cannot be had. */
  async #lay(earlier: EarlierWork): Promise<string[]> {
    this.stage(`lay what was kept of ${earlier.host}`);
    const { paths, note } = await layEarlier(this.worktree, earlier, this.#isLitter);
    this.found.notes.push(note);
    return paths;
  }

  /** One call of the tool, and what there is to say against it without running anything. */
  async #call(prompt: string, round: number, goesOn: boolean): Promise<WorkstreamTrouble | null> {
    const { tool, work, maxUsd } = this.task;
    this.stage(`${tool.name}, round ${round}`);
    this.#isStill = false;
    const { files, toolTimeoutSec: timeoutSec } = work;
    const { environment, found } = this;
    this.keeper?.goOn();
    const call = await callTool(this.bench, this.worktree, {
      tool,
      prompt,
      files,
      timeoutSec,
      round,
      environment,
      maxUsd: maxUsd === undefined ? null : maxUsd - this.#spent,
      goesOn,
    }).finally(() => this.keeper?.rest());
    found.calls.push(call);
    const { home } = this.bench.world;
    const replaced = await replacedBreach(home, this.repository, this.worktree, this.#guard!);
    if (replaced !== null) return replaced;
    this.stage('capture');
    // Side by side: neither changes what the other looks at.
    const [breach, lost] = await allEnded([
      findBreach(home, this.repository, this.worktree, this.#guard!),
      this.capture(`${this.task.attempt}.${round}`),
    ]);
    if (lost !== null) return breach ?? lost;
    if (breach !== null) return breach;
    if (call.isOverBudget === true) return this.#overBudget();
    if (call.meaning !== 'worked')
      return { reason: 'tool-failed', meaning: call.meaning, detail: call.failure ?? endText(call.attempt) };
    const { entries } = found.recorded!.patch;
    found.refusals = checkPatch(entries, work, this.task.constraints);
    if (found.refusals.length === 0) return null;
    const refusals = found.refusals.slice(0, MAX_REFUSALS);
    return { reason: 'refused-patch', refusals, omitted: found.refusals.length - refusals.length };
  }

  /** Captures the work tree as it is. Returns why that failed, or null. */
  async capture(name: string): Promise<WorkstreamTrouble | null> {
    const { task, bench, worktree, found } = this;
    const { runId, step, attempt } = task;
    const message = `${step}, attempt ${attempt} by ${task.tool.name}`;
    try {
      const request = { runId, step, name, folder: bench.step.directory, message, isLitter: this.#isLitter };
      found.recorded = await recordPatch(worktree, request);
      this.#isStill = true;
      return null;
    } catch (error) {
      // A tool can break the repository so that no git works in it: that is told, and tried again by nobody.
      if (!(error instanceof CaptureFailed || error instanceof GitFailure)) throw error;
      return { reason: 'capture-failed', detail: error.message };
    }
  }

  async #check(round: number): Promise<Verdict> {
    const { task, found, worktree } = this;
    const { patch } = found.recorded!;
    for (const step of ['static', 'runtime'] as const) {
      const checks = checksOf(task, step);
      const errors: CheckError[] = [];
      for (const check of checks) {
        this.stage(`check ${check.name}, round ${round}`);
        this.#isStill = false;
        const result = await runCheck(this.bench, worktree, check, round, this.#checkEnv);
        found.checks.push(result);
        if (check.blocking) errors.push(...result.errors);
        else if (result.result !== 'passed')
          found.notes.push(`${check.name} ${result.result}, and does not block`);
      }
      if (checks.length > 0) {
        const changed = await bringBack(worktree, patch.tree, this.#isLitter);
        if (changed.length > 0)
          found.notes.push(`checks changed files, taken back: ${changed.slice(0, 5).join(', ')}`);
      }
      if (checks.length === 0) continue;
      const { state, move } = afterCheck(found.fix, task.work.fix, { step, changeHash: patch.tree, errors });
      found.fix = state;
      if (move.kind === 'go-on') continue;
      if (move.kind === 'fix' && task.tool.takesErrors) return move;
      const gaveUp = move.kind === 'give-up' ? move.reason : ({ reason: 'not-fixable', step } as const);
      return {
        kind: 'trouble',
        trouble:
          patch.commit === null
            ? { reason: 'empty-patch', errors }
            : { reason: 'checks-failed', gaveUp, errors },
      };
    }
    return { kind: 'good' };
  }

  /** Removes the work tree, with what is not captured yet kept; one that cannot be captured stays. */
  async close(): Promise<void> {
    const { worktree, found, bench } = this;
    const { recorded } = found;
    const file = join(bench.step.directory, 'patches', `${this.task.attempt}.rest.patch`);
    const atSec = Math.floor(Date.now() / 1000);
    try {
      const captured = recorded?.patch ?? null;
      const { saved } = await closeOwnWorktree(worktree, {
        captured,
        file,
        atSec,
        isLitter: this.#isLitter,
        isStill: this.#isStill,
      });
      if (saved !== null) found.notes.push(`files that came after the capture are kept as patch ${saved.id}`);
    } catch (error) {
      if (!(error instanceof CaptureFailed || error instanceof GitFailure)) throw error;
      found.notes.push(`work tree ${worktree.path} is kept: ${error.message}`);
    }
  }
}

const MAX_REFUSALS = 50;

type Verdict =
  | { readonly kind: 'good' }
  | { readonly kind: 'fix'; readonly errors: readonly CheckError[] }
  | { readonly kind: 'trouble'; readonly trouble: WorkstreamTrouble };

/** Checks of one kind, in order; acceptance tests come last. */
export function checksOf(task: WorkstreamTask, step: CheckStep): CheckTask[] {
  const acceptance = task.work.acceptanceTests.map((line): CheckTask => {
    return {
      step: 'runtime',
      name: line.slice(0, 80),
      line,
      timeoutSec: task.checkTimeoutSec,
      blocking: true,
    };
  });
  return [...task.checks, ...acceptance].filter((check) => check.step === step);
}
