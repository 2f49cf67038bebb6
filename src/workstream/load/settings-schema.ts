/**
 * The configuration document: every key, and what it is when left out. The one definition of it.
 */
import * as z from 'zod';
import {
  amount,
  environment,
  filledText,
  flag,
  labels,
  oneOf,
  text,
  texts,
  whole,
} from '../../plan/load/fields.js';
import { DEFAULT_BUDGET } from '../../plan/budget.js';
import { DEFAULT_BREAKER_LIMITS } from '../breaker.js';
import { DEFAULT_CONSTRAINTS } from '../constraints.js';
import { DEFAULT_FIX_LIMITS } from '../fix-loop.js';
import { conflictFields } from '../../plan/load/step-types/conflicts.js';
import { DEFAULT_CHECKPOINT_SEC, MAX_CHECKPOINT_SEC, ON_WORKER_LOST } from '../checkpoints.js';
import { CAPABILITIES } from '../workstream.js';

const SECTION = 'an object';
const section = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.looseObject(shape, { error: SECTION }).prefault({} as never);
const seconds = (most = 7 * 24 * 3_600) => whole(1, most);
const pattern = () => filledText(1_000);
const bound = () => whole(1, 1_000_000_000).nullable();

const tool = z.looseObject(
  {
    executable: filledText(4_096).nullable().default(null),
    model: filledText(200).nullable().default(null),
    args: texts().default([]),
    prompt: oneOf(['argument', 'file', 'stdin', 'none']).nullable().default(null),
    env: environment().default({}),
    timeout_seconds: seconds().nullable().default(null),
    capabilities: z.array(oneOf(CAPABILITIES), { error: 'a list of capabilities' }).nullable().default(null),
    litter: texts().default([]),
    // Known of old. Commits and pushes are the engine's whatever they say; "interactive" is warned of.
    auto_commit: flag().optional(),
    auto_push: flag().optional(),
    auto_save: flag().optional(),
    mode: text().optional(),
    framework: filledText(200).optional(),
  },
  { error: SECTION },
);
const tools = () => z.record(filledText(100), tool, { error: 'an object of tools' }).default({});

const limits = {
  max_attempts_per_step: whole(1, 1_000).optional(),
  max_fix_attempts_per_step: whole(0, 1_000).optional(),
};

export const settingsDocument = z.looseObject(
  {
    $schema: text().optional(),
    project: section({
      name: filledText(200).default('unknown'),
      type: text().default('unknown'),
      root: filledText(4_096).default('.'),
    }),
    execution: section({
      max_workers: whole(1, 1_000).default(3),
      retry_policy: section({
        max_retries: whole(0, 100).default(2),
        backoff_seconds: amount(0, 86_400).default(5),
        backoff_multiplier: amount(1, 100).default(2),
      }),
      workstream_dir: filledText(4_096).default('workstreams'),
      workstream_pattern: pattern().default('ws-*.json'),
      log_dir: filledText(4_096).default('logs/uet'),
      default_tool: filledText(100).default('aider'),
      worker_timeout_seconds: seconds().default(300),
      tool_timeout_seconds: seconds().default(600),
      on_worker_lost: oneOf(ON_WORKER_LOST).default('restart'),
      checkpoint_seconds: whole(1, MAX_CHECKPOINT_SEC).default(DEFAULT_CHECKPOINT_SEC),
      state_db: text().optional(),
      log_level: text().optional(),
    }),
    tools: tools(),
    tool_config: tools(),
    isolation: section({
      strategy: oneOf(['worktree', 'clone']).default('worktree'),
      worktree_dir: filledText(4_096).default('.worktrees'),
      setup: texts().default([]),
      min_free_mb: whole(0, 1_000_000_000).default(256),
    }),
    adapters: section({
      enabled: labels().nullable().default(null),
      routing: z
        .array(
          z.looseObject(
            { pattern: pattern(), tool: filledText(100), priority: whole(-1_000_000, 1_000_000).default(0) },
            { error: 'an object such as {"pattern": "*.py", "tool": "aider"}' },
          ),
          { error: 'a list of rules' },
        )
        .default([]),
      fallbacks: z
        .record(filledText(100), labels(), { error: 'an object of tools and lists of tools' })
        .default({}),
    }),
    dag: section({
      enabled: flag().optional(),
      max_wave_parallelism: whole(1, 1_000).default(3),
      topological_sort: oneOf(['kahn']).default('kahn'),
      cycle_detection: flag().optional(),
      fail_fast: flag().default(false),
    }),
    safety: section({
      dry_run: flag().default(false),
      sandbox_mode: flag().optional(),
      require_confirmation: flag().default(false),
      backup_before_execution: flag().optional(),
    }),
    monitoring: section({
      enabled: flag().optional(),
      progress_interval_seconds: seconds().default(30),
      metrics_enabled: flag().optional(),
      event_logging: flag().optional(),
    }),
    // Of the older system: what they chose is Temporal's or the engine's now.
    state_machines: z.unknown().optional(),
    database: z.unknown().optional(),
    fix_loop: section({
      defaults: section({
        ...limits,
        max_attempts_per_error_signature: whole(0, 1_000).default(DEFAULT_FIX_LIMITS.maxErrorRepeats),
        oscillation_window: whole(1, 1_000).default(DEFAULT_FIX_LIMITS.oscillationWindow),
        oscillation_threshold: whole(0, 1_000).default(DEFAULT_FIX_LIMITS.oscillationThreshold),
        enable_fix_for_steps: z
          .array(oneOf(['static', 'runtime']), { error: 'a list of "static" and "runtime"' })
          .default([...DEFAULT_FIX_LIMITS.fixes]),
      }),
      per_step: section({
        static: z.looseObject(limits, { error: SECTION }).optional(),
        runtime: z.looseObject(limits, { error: SECTION }).optional(),
      }),
    }),
    breakers: section({
      failures: whole(1, 1_000).default(DEFAULT_BREAKER_LIMITS.failures),
      open_seconds: seconds().default(DEFAULT_BREAKER_LIMITS.openMs / 1_000),
    }),
    budget: section({
      max_cost_usd: amount(0, 1_000_000_000).nullable().default(DEFAULT_BUDGET.maxUsd),
      warn_at: amount(0, 1).default(DEFAULT_BUDGET.warnAt),
      mode: oneOf(['warn', 'halt', 'continue']).default(DEFAULT_BUDGET.mode),
    }),
    patches: section({
      max_lines: bound().default(null),
      max_files: bound().default(null),
      max_file_bytes: bound().default(DEFAULT_CONSTRAINTS.maxFileBytes),
      allow_binary: flag().default(true),
      forbidden: z
        .array(pattern(), { error: 'a list of patterns' })
        .default([...DEFAULT_CONSTRAINTS.forbidden]),
      tests: z.array(pattern(), { error: 'a list of patterns' }).default([...DEFAULT_CONSTRAINTS.tests]),
      tests_required: z
        .array(z.looseObject({ changed: pattern(), tests: pattern() }, { error: SECTION }), {
          error: 'a list of rules',
        })
        .default([]),
    }),
    gates: z
      .array(
        z.looseObject(
          {
            name: filledText(100),
            command: filledText(16_384),
            timeout_seconds: seconds().default(1_800),
            blocking: flag().default(true),
          },
          { error: 'an object such as {"name": "unit", "command": "npm test"}' },
        ),
        { error: 'a list of gates' },
      )
      .default([]),
    landing: section({
      slots: whole(1, 64).default(4),
      max_batch: whole(1, 64).default(1),
      begins: oneOf(['when-all-ended', 'at-once']).default('when-all-ended'),
      conflicts: section(conflictFields),
    }),
  },
  { error: 'an object of sections' },
);

export type SettingsDocument = z.output<typeof settingsDocument>;
