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
import { noteWindow, stepsOf } from './at-work.js';
import { findBreach, startGuard, type Guard } from './guard.js';
import type { CheckpointKeeper } from './keep-checkpoints.js';
import { lossesBeside, lossText, type TreeLoss, type TreeWatch } from './lost-trees.js';
import { recordPatch, type Recorded } from './patch-records.js';
import { bringBack, runCheck } from './run-checks.js';
import { endText, startLine, type Bench } from './start-line.js';
import { callTool, logsOf } from './tool-call.js';
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
  /** What starts cost whose work tree was removed; null: nothing that is known. */
  lostUsd: number | null;
}

export const newFindings = (): Findings => ({
  ...{ recorded: null, refusals: [], fix: NEW_FIX_STATE, calls: [], checks: [], notes: [], lostUsd: null },
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
  /** Moments of losses beside it that were told already. */
  readonly #toldLosses = new Set<number>();

  constructor(
    private readonly bench: Bench,
    private readonly repository: Repository,
    private readonly worktree: OwnWorktree,
    private readonly task: WorkstreamTask,
    private readonly environment: ToolEnvironment,
    private readonly found: Findings,
    private readonly stage: Stage,
    private readonly watch: TreeWatch,
    /** Begun before the work tree was there; null: what sets it up comes first. */
    private readonly guarding: Promise<Guard> | null,
    /** Null: what the tool writes is not kept for a start that goes on, and nothing is gone on from. */
    private readonly keeper: CheckpointKeeper | null = null,
    private readonly earlier: EarlierWork | null = null,
  ) {
    this.#isLitter = litterOf(task.tool);
    this.#checkEnv = checkEnvironment(bench.world.env, task.env, worktree.id);
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
      if (verdict.kind !== 'fix') {
        // Checks run what the tool wrote: it may do then what it left while it was watched.
        const harm = verdict.ran && this.watch.loss === null ? await this.#harm() : null;
        return harm ?? (verdict.kind === 'trouble' ? verdict.trouble : null);
      }
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
    return this.found.calls.reduce((sum, { cost }) => sum + (cost.usd ?? 0), this.found.lostUsd ?? 0);
  }

  async #setUp(): Promise<WorkstreamTrouble | null> {
    for (const line of this.task.setup) {
      this.stage(`setup: ${line}`);
      const { path: cwd } = this.worktree;
      const { attempt } = await startLine(this.bench, {
        ...{ command: line, args: [], shell: true, cwd, environment: this.#checkEnv, env: {}, number: 1 },
        timeoutSec: this.task.checkTimeoutSec,
        stop: this.watch.gone,
      });
      const lost = await this.#lost();
      if (lost !== null) return lost;
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
      gone: this.watch.gone,
    }).finally(() => this.keeper?.rest());
    const lost = await this.#lost();
    // Nothing is said against a tool whose files went from under it.
    found.calls.push(lost === null ? call : { ...call, meaning: 'worked' });
    if (lost !== null) return lost;
    this.stage('capture');
    // Side by side: neither changes what the other looks at.
    const [harm, uncaptured] = await allEnded([this.#harm(), this.capture(`${this.task.attempt}.${round}`)]);
    const late = await this.#lost();
    if (late !== null) return late;
    if (harm !== null || uncaptured !== null) return harm ?? uncaptured;
    if (call.isOverBudget === true) return this.#overBudget();
    if (call.meaning !== 'worked')
      return { reason: 'tool-failed', meaning: call.meaning, detail: call.failure ?? endText(call.attempt) };
    const { entries } = found.recorded!.patch;
    found.refusals = checkPatch(entries, work, this.task.constraints);
    if (found.refusals.length === 0) return null;
    const refusals = found.refusals.slice(0, MAX_REFUSALS);
    return { reason: 'refused-patch', refusals, omitted: found.refusals.length - refusals.length };
  }

  /** Says that its own work tree is gone, or null. What was captured of it while it went is no patch. */
  async #lost(): Promise<WorkstreamTrouble | null> {
    const loss = await this.watch.look();
    if (loss === null) return null;
    this.found.recorded = null;
    const { home } = this.bench.world;
    await noteWindow(home, this.repository, this.worktree, this.#guard?.since ?? loss.from);
    return { reason: 'worktree-replaced', detail: loss.detail, together: stepsOf(loss.suspects) };
  }

  /** Says what was done to anything else while it worked, or null. */
  async #harm(): Promise<WorkstreamTrouble | null> {
    const { home } = this.bench.world;
    const guard = this.#guard!;
    const breach = await findBreach(home, this.repository, this.worktree, guard);
    const attempts = [...this.found.calls, ...this.found.checks].map(({ attempt }) => attempt);
    const logs = attempts.flatMap((attempt) =>
      Object.values(logsOf(this.bench, attempt)).flatMap((log) => log ?? []),
    );
    const beside = await lossesBeside(home, this.repository, this.worktree, guard.since, logs);
    const proven = beside.filter(({ proof }) => proof !== null);
    for (const { loss } of beside.filter(({ proof }) => proof === null)) this.#tellOf(loss);
    const [first] = proven;
    if (breach !== null || first === undefined) return breach;
    const harmed = proven.map(({ loss: { step, detail } }) => ({ step, detail }));
    return { reason: 'neighbour-harmed', harmed, proof: first.proof! };
  }

  #tellOf(loss: TreeLoss): void {
    if (this.#toldLosses.has(loss.to)) return;
    this.#toldLosses.add(loss.to);
    this.found.notes.push(
      `while it worked ${loss.step} lost its work tree, and it may have been this one: ${lossText(loss)}`,
    );
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
    let ran = false;
    for (const step of ['static', 'runtime'] as const) {
      const checks = checksOf(task, step);
      const errors: CheckError[] = [];
      for (const check of checks) {
        this.stage(`check ${check.name}, round ${round}`);
        this.#isStill = false;
        ran = true;
        const result = await runCheck(this.bench, worktree, check, round, this.#checkEnv, this.watch.gone);
        const lost = await this.#lost();
        if (lost !== null) return { kind: 'trouble', trouble: lost, ran };
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
        ran,
        trouble:
          patch.commit === null
            ? { reason: 'empty-patch', errors }
            : { reason: 'checks-failed', gaveUp, errors },
      };
    }
    return { kind: 'good', ran };
  }

  /** Removes the work tree, with what is not captured yet kept; one that cannot be captured stays. */
  async close(): Promise<void> {
    const { worktree, found, bench } = this;
    const { recorded } = found;
    await this.watch.close();
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
  /** `ran`: whether any check was run. */
  | { readonly kind: 'good'; readonly ran: boolean }
  | { readonly kind: 'fix'; readonly errors: readonly CheckError[] }
  | { readonly kind: 'trouble'; readonly trouble: WorkstreamTrouble; readonly ran: boolean };

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
