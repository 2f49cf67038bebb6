/**
 * What a workstream waits for when its tool is out of order: part of the record, and what people are shown meanwhile.
 */
import { touch, type Run } from './run.js';

/** A wait for the breaker of a tool. Times are milliseconds since 1970. */
export interface ToolWait {
  readonly tool: string;
  readonly since: number;
  /** When it is asked again; null while only a person can change it. */
  readonly until: number | null;
  readonly why: 'failures' | 'quota' | 'by-hand' | 'probe';
  /** The tool may be used again, and all places of the run are taken: the next one is this step's. */
  readonly forPlace?: true;
  /** Null while it goes on. */
  readonly endedAt: number | null;
}

/** Notes a wait of a step; null: the one that is noted is over. */
export function noteToolWait(run: Run, index: number, wait: ToolWait | null, at: number): void {
  const noted = wait ?? run.toolWaits.get(index);
  if (noted === undefined) return;
  run.toolWaits.set(index, wait ?? { ...noted, endedAt: at });
  touch(run, index);
}

export const TOOL_WAIT_WORDS: Readonly<Record<ToolWait['why'], string>> = {
  failures: 'it failed too often in a row',
  quota: 'its quota is used up',
  'by-hand': 'held by hand',
  probe: 'another attempt tries it first',
};
