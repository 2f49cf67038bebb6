/**
 * The settings of a set of workstreams: what `load/load-settings.ts` makes of the configuration file.
 */
import type { BudgetLimits } from '../plan/budget.js';
import type { ConflictHelp } from '../plan/plan.js';
import type { BreakerLimits } from './breaker.js';
import type { PatchConstraints } from './constraints.js';
import type { FixLimits } from './fix-loop.js';
import type { Routing } from './tool/routing.js';
import type { ToolSettings } from './tool/registry.js';

export interface GateSettings {
  readonly name: string;
  /** One shell line; its exit code decides. */
  readonly command: string;
  readonly timeoutSec: number;
  /** False: its failure is told and stops nothing. */
  readonly blocking: boolean;
}

export interface WorkstreamSettings {
  readonly project: { readonly name: string; readonly type: string; readonly root: string };
  readonly execution: {
    readonly max_workers: number;
    readonly retry_policy: {
      readonly max_retries: number;
      readonly backoff_seconds: number;
      readonly backoff_multiplier: number;
    };
    readonly workstream_dir: string;
    readonly workstream_pattern: string;
    readonly log_dir: string;
    readonly worker_timeout_seconds: number;
    readonly tool_timeout_seconds: number;
    /** What becomes of work whose worker is lost in the middle: begun again, or gone on with from what was kept of it. */
    readonly on_worker_lost: 'restart' | 'continue';
    /** How often it is kept, with `continue`. */
    readonly checkpoint_seconds: number;
  };
  readonly tools: Readonly<Record<string, ToolSettings>>;
  /** Names of the tools that may be used; null: all. */
  readonly enabledTools: readonly string[] | null;
  readonly routing: Routing;
  readonly isolation: {
    readonly strategy: 'worktree' | 'clone';
    readonly worktree_dir: string;
    /** Shell lines that make a fresh worktree ready, for tools and for gates. */
    readonly setup: readonly string[];
    /** No worktree is made when less is left on the disk. */
    readonly min_free_mb: number;
  };
  readonly dag: { readonly max_wave_parallelism: number; readonly fail_fast: boolean };
  readonly safety: { readonly dry_run: boolean; readonly require_confirmation: boolean };
  readonly monitoring: { readonly progress_interval_seconds: number };
  readonly fix: FixLimits;
  readonly breaker: BreakerLimits;
  readonly budget: BudgetLimits;
  readonly patches: PatchConstraints;
  readonly gates: readonly GateSettings[];
  readonly landing: {
    readonly slots: number;
    readonly max_batch: number;
    readonly begins: 'when-all-ended' | 'at-once';
    readonly conflicts: ConflictHelp;
  };
}
