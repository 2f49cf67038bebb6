/**
 * What operators ask of runs: what is stuck, what is in quarantine and why.
 */
import type { RunRecord, StepRecord } from '../../plan/record.js';
import type { SetReport } from './report.js';

/** Something that has not moved for long. */
export interface StuckEntity {
  readonly run: string;
  readonly step: string;
  readonly what: string;
  readonly forMs: number;
}

export interface StuckLimits {
  /** A workstream at work. */
  readonly workstreamMs: number;
  /** Any other step at work. */
  readonly stepMs: number;
  /** A wait for a tool, a lease or a person. */
  readonly waitMs: number;
}

const MINUTE = 60_000;
export const STUCK_LIMITS: StuckLimits = {
  workstreamMs: 60 * MINUTE,
  stepMs: 30 * MINUTE,
  waitMs: 10 * MINUTE,
};

/** Returns the steps of an open run that take longer than is usual, longest first. */
export function stuckIn({ head, plan, steps }: RunRecord, now: number, limits = STUCK_LIMITS): StuckEntity[] {
  const kindOf = new Map(plan.steps.map(({ id, work }) => [id as string, work.kind]));
  return steps
    .flatMap((step): StuckEntity[] => {
      const kind = kindOf.get(step.id);
      if (step.state !== 'running' || step.launchedAt === null || kind === undefined) return [];
      const found = stuckStep(step, kind, now, limits);
      return found === null ? [] : [{ run: head.runId, step: step.id, ...found }];
    })
    .sort((a, b) => b.forMs - a.forMs);
}

function stuckStep(
  { launchedAt, toolWait, leases = [], canceling }: StepRecord,
  kind: string,
  now: number,
  { workstreamMs, stepMs, waitMs }: StuckLimits,
): Pick<StuckEntity, 'what' | 'forMs'> | null {
  const since = (at: number, what: string, most: number): Pick<StuckEntity, 'what' | 'forMs'> | null =>
    now - at >= most ? { what, forMs: now - at } : null;
  if (toolWait?.endedAt === null) return since(toolWait.since, `waits for tool "${toolWait.tool}"`, waitMs);
  const lease = leases.find(({ grantedAt }) => grantedAt === null);
  if (lease !== undefined) return since(lease.askedAt, `waits for lease "${lease.name}"`, waitMs);
  if (canceling) return since(launchedAt!, 'is being stopped', waitMs);
  if (kind === 'approval') return since(launchedAt!, 'waits for a person', waitMs);
  if (kind === 'landing') return since(launchedAt!, 'is landing', workstreamMs);
  return since(launchedAt!, 'is at work', kind === 'workstream' ? workstreamMs : stepMs);
}

/** A patch that was kept aside. */
export interface QuarantinedPatch {
  readonly run: string;
  readonly workstream: string;
  readonly tool: string;
  readonly patch: string;
  readonly files: number;
  /** Where to begin to look. */
  readonly kind: 'conflict' | 'gate' | 'refused' | 'shared-state' | 'other';
  readonly reason: string;
  /** What waits for it and did not land. */
  readonly holds: readonly string[];
}

export function quarantineIn({ runId, workstreams }: SetReport): QuarantinedPatch[] {
  return workstreams.flatMap(({ id, tool, patch, reason }): QuarantinedPatch[] => {
    if (patch?.state !== 'quarantined') return [];
    const why = patch.reason ?? reason ?? 'no reason was given';
    const holds = workstreams.filter((one) => one.dependsOn.includes(id) && one.patch?.state !== 'committed');
    return [
      {
        ...{ run: runId, workstream: id, tool, patch: patch.id, files: patch.files },
        ...{ kind: kindOf(why), reason: why, holds: holds.map((one) => one.id) },
      },
    ];
  });
}

/** As `trouble-text.ts` says it. */
const HARM = /outside its work tree|tampered|while it worked, the work tree of/;

function kindOf(why: string): QuarantinedPatch['kind'] {
  if (why.startsWith('conflict') || why.includes('conflicts in ')) return 'conflict';
  if (/^gate "/.test(why)) return 'gate';
  if (why.includes('the patch is refused')) return 'refused';
  return HARM.test(why) ? 'shared-state' : 'other';
}
