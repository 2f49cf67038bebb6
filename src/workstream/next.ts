/**
 * What is to be done next of a set, one workstream after the other.
 */
import { quoteAll } from '../plan/quote.js';
import type { WorkstreamStatus } from './status.js';
import type { Workstream, WorkstreamId } from './workstream.js';

export type Decision =
  | { readonly id: WorkstreamId; readonly kind: 'run' }
  | {
      readonly id: WorkstreamId;
      /** `completed` before; `at-work` in a run or a person's hands; `blocked` by others; `manual`: nothing here can be run. */
      readonly kind: 'completed' | 'at-work' | 'blocked' | 'manual';
      readonly reason: string;
    };

export interface NextRequest {
  /** In an order in which they can be done. */
  readonly order: readonly Workstream[];
  /** Those that cannot start, whatever the others come to. */
  readonly blocked: readonly { readonly id: WorkstreamId; readonly reason: string }[];
  readonly statuses: readonly WorkstreamStatus[];
  /** The only one that is asked for; null for all. */
  readonly only: string | null;
  /** Dependencies, and that it is done already, do not count. */
  readonly force: boolean;
  /** Names of tools that can be called. */
  readonly tools: readonly string[];
}

/** Words in `tool` that mean that no tool is to do it. */
const BY_HAND: readonly string[] = ['manual', 'none', 'human'];

/** Decides on each workstream that is asked for, in order. What is to be run counts as done for those behind it. */
export function decideNext({ order, blocked, statuses, only, force, tools }: NextRequest): Decision[] {
  const statusOf = new Map(statuses.map((one) => [one.id, one]));
  const stuck = new Map(blocked.map(({ id, reason }) => [id, reason]));
  const done = new Set<string>(statuses.filter(({ status }) => status === 'completed').map(({ id }) => id));
  return order
    .filter(({ id }) => only === null || id === only)
    .map((workstream): Decision => {
      const { id } = workstream;
      const noted = statusOf.get(id);
      const says = noted === undefined || noted.message === '' ? '' : `: ${noted.message}`;
      // Two runs of one workstream at a time would only be in each other's way: no force changes that.
      if (noted?.status === 'in_progress' && noted.source === 'run')
        return { id, kind: 'at-work', reason: `run ${noted.run ?? ''} is at it` };
      const byHand = handWork(workstream, tools);
      if (!force && noted?.status === 'completed') return { id, kind: 'completed', reason: noted.message };
      if (byHand !== null) return { id, kind: 'manual', reason: byHand };
      if (force) return { id, kind: 'run' };
      if (noted?.source === 'manual') {
        const who = noted.actor ?? 'somebody';
        if (noted.status === 'in_progress') return { id, kind: 'at-work', reason: `${who} is at it${says}` };
        if (noted.status === 'manual') return { id, kind: 'manual', reason: `noted by ${who}${says}` };
        if (noted.status === 'blocked') return { id, kind: 'blocked', reason: `noted by ${who}${says}` };
      }
      const unmet = workstream.dependsOn.filter((on) => !done.has(on));
      const reason = stuck.get(id);
      if (reason !== undefined && unmet.length > 0) return { id, kind: 'blocked', reason };
      if (unmet.length > 0) {
        const how = unmet.length === 1 ? ` (${statusOf.get(unmet[0]!)?.status ?? 'not_started'})` : '';
        return { id, kind: 'blocked', reason: `waits for ${quoteAll(unmet, 'and')}${how}` };
      }
      done.add(id);
      return { id, kind: 'run' };
    });
}

/** Says why no tool can do it, or null. */
function handWork(
  { tool, tasks, capability, capabilityPayload }: Workstream,
  tools: readonly string[],
): string | null {
  if (BY_HAND.includes(tool) && capability === null && !tools.includes(tool))
    return `its tool is "${tool}": it is done by hand`;
  return tasks.length === 0 && capabilityPayload.prompt === null
    ? 'it has no tasks: there is nothing to tell a tool'
    : null;
}
