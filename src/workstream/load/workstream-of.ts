/**
 * A bundle as its author wrote it, turned into a workstream.
 */
import type { Json } from '../../plan/plan.js';
import { normalPath } from '../scope.js';
import type { Workstream, WorkstreamId } from '../workstream.js';
import type { BundleDocument } from './schema.js';

/** Returns the workstream of a document that its schema has read. */
export function workstreamOf(document: BundleDocument): Workstream {
  const { capability_payload: payload, circuit_breaker: breaker } = document;
  return {
    id: document.id as WorkstreamId,
    openspecChange: document.openspec_change,
    ccpmIssue: document.ccpm_issue,
    gate: document.gate,
    filesScope: document.files_scope.map(entryOf),
    filesCreate: document.files_create.map(entryOf),
    tasks: document.tasks,
    acceptanceTests: document.acceptance_tests,
    dependsOn: [...new Set([...document.depends_on, ...document.dependencies])] as WorkstreamId[],
    tool: document.tool,
    capability: document.capability,
    capabilityPayload: {
      files: payload.files,
      prompt: payload.prompt,
      timeoutMs: payload.timeout_ms,
      maxRetries: payload.max_retries,
    },
    circuitBreaker: {
      maxAttempts: breaker.max_attempts,
      maxErrorRepeats: breaker.max_error_repeats,
      oscillationThreshold: breaker.oscillation_threshold,
    },
    metadata: document.metadata as Record<string, Json>,
    parallelOk: document.parallel_ok,
    conflictGroup: document.conflict_group,
    kind: document.kind,
    priority: document.priority,
    estimatedContextTokens: document.estimated_context_tokens,
    maxCostUsd: document.max_cost_usd,
    compensationActions: document.compensation_actions,
    testGates: document.test_gates.map(({ type, required, blocking }) => ({ type, required, blocking })),
  };
}

/** The slash at the end stays: people read "a directory" in it. */
const entryOf = (path: string): string =>
  normalPath(path) === '' ? '.' : normalPath(path) + (/[/\\]$/.test(path) ? '/' : '');
