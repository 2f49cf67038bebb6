/**
 * A workstream: one unit of work for one tool, with the files it may touch and the workstreams it waits for.
 *
 * `load/` makes it from a bundle file. Everything here is plain JSON, because it crosses a workflow's border.
 */
import type { Json, WorkstreamId } from '../plan/plan.js';

/** `ws-` and lower-case letters, digits and `-`; at most 100 characters, because it becomes the name of a step and of a folder. */
export type { WorkstreamId } from '../plan/plan.js';

export const CAPABILITIES = [
  'code_generation',
  'linting',
  'refactoring',
  'testing',
  'version_checking',
] as const;
export type Capability = (typeof CAPABILITIES)[number];

export const KINDS = ['design', 'impl', 'test', 'docs', 'infra', 'refactor', 'background', 'spike'] as const;
export type Kind = (typeof KINDS)[number];

export const GATE_TYPES = ['GATE_LINT', 'GATE_UNIT', 'GATE_INTEGRATION', 'GATE_SECURITY'] as const;
export type GateType = (typeof GATE_TYPES)[number];

export interface Workstream {
  readonly id: WorkstreamId;
  /** The change or requirement it comes from. */
  readonly openspecChange: string;
  /** An issue's number or name; `TBD`, `N/A` and `0` occur. */
  readonly ccpmIssue: string | number;
  /** The approval level it needs, 1 or more. */
  readonly gate: number;
  /** Paths it owns, as `scope.ts` reads them, with "/" and without slashes around. */
  readonly filesScope: readonly string[];
  /** Paths it may create beside those it owns. */
  readonly filesCreate: readonly string[];
  readonly tasks: readonly string[];
  readonly acceptanceTests: readonly string[];
  /** Each once. */
  readonly dependsOn: readonly WorkstreamId[];
  readonly tool: string;
  /** Routes before `tool` does. */
  readonly capability: Capability | null;
  readonly capabilityPayload: CapabilityPayload;
  readonly circuitBreaker: BreakerOverrides;
  readonly metadata: Readonly<Record<string, Json>>;
  /** False: it runs alone. */
  readonly parallelOk: boolean;
  /** At most one of a group runs at a time. */
  readonly conflictGroup: string | null;
  readonly kind: Kind;
  readonly priority: 'foreground' | 'background';
  readonly estimatedContextTokens: number | null;
  readonly maxCostUsd: number | null;
  /** Commands that undo it; run from the last to the first. */
  readonly compensationActions: readonly string[];
  readonly testGates: readonly TestGate[];
}

export interface CapabilityPayload {
  readonly files: readonly string[];
  readonly prompt: string | null;
  readonly timeoutMs: number | null;
  readonly maxRetries: number | null;
}

/** What a bundle says of its own fix loop; null leaves it to the configuration. */
export interface BreakerOverrides {
  readonly maxAttempts: number | null;
  readonly maxErrorRepeats: number | null;
  readonly oscillationThreshold: number | null;
}

export interface TestGate {
  readonly type: GateType;
  /** False: it only warns. */
  readonly required: boolean;
  /** Its failure stops the workstream. */
  readonly blocking: boolean;
}

/** Returns the hours a workstream says it takes, or null: free form, in its metadata. */
export function estimatedHours({ metadata }: Pick<Workstream, 'metadata'>): number | null {
  const hours = metadata['estimated_hours'];
  return typeof hours === 'number' && hours > 0 ? hours : null;
}
