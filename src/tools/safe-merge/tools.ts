/**
 * The tools: in the order in which the plan runs them, then those for before and afterwards. Each is loaded when it is called: a step's start-up counts
 * eleven times in a run.
 */
import type { ToolName } from './state.js';
import type { Tool } from './tool.js';

export const TOOLS: Readonly<Record<ToolName, () => Promise<Tool>>> = {
  env_scan: async () => (await import('./env-scan.js')).envScan,
  sync_health_check: async () => (await import('./sync-health.js')).syncHealth,
  nested_repos_detect: async () => (await import('./nested-detect.js')).nestedDetect,
  nested_repos_normalize: async () => (await import('./nested-normalize.js')).nestedNormalize,
  file_classification: async () => (await import('./file-classification.js')).fileClassification,
  git_fetch: async () => (await import('./git-fetch.js')).gitFetch,
  git_merge: async () => (await import('./git-merge.js')).gitMerge,
  timestamp_resolver: async () => (await import('./timestamp-resolver.js')).timestampResolver,
  ai_conflict_resolver: async () => (await import('./ai-conflict-resolver.js')).aiConflictResolver,
  conflict_settle: async () => (await import('./conflict-settle.js')).conflictSettle,
  merge_gate: async () => (await import('./merge-gate.js')).mergeGate,
  guarded_push: async () => (await import('./guarded-push.js')).guardedPush,
  emit_success_event: async () => (await import('./emit-event.js')).emitEvent,
  report: async () => (await import('./report.js')).reportTool,
  forget: async () => (await import('./forget.js')).forget,
  rollback: async () => (await import('./rollback.js')).rollback,
};
