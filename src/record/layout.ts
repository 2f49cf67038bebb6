/**
 * The files of a run's directory, by name.
 */
import { join } from 'node:path';
import { runDirectory } from '../home.js';

export interface RunFiles {
  readonly directory: string;
  /** The complete record: `RunRecord`. */
  readonly record: string;
  /** The record without its steps, for lists. */
  readonly summary: string;
  /** The events, one JSON object a line. */
  readonly events: string;
  /** What the client knew when it started the run: `StartNote`. */
  readonly start: string;
  readonly quarantine: string;
  /** Values of secret variables; only its owner may read it. */
  readonly secrets: string;
  /** The steps of one leg: `LegPart`. */
  readonly leg: (leg: number) => string;
}

/**
 * Returns the paths of a run's files; whether they are there is another question.
 *
 * @throws RangeError when `runId` could leave the state directory
 */
export function runFiles(home: string, runId: string): RunFiles {
  const directory = runDirectory(home, runId);
  return {
    directory,
    record: join(directory, 'run.json'),
    summary: join(directory, 'summary.json'),
    events: join(directory, 'events.jsonl'),
    start: join(directory, 'start.json'),
    quarantine: join(directory, 'quarantine.json'),
    secrets: join(directory, 'secrets.json'),
    leg: (leg) => join(directory, 'legs', `${leg}.json`),
  };
}

const LEG = /~~(\d+)$/;

/** Returns which leg of its run a workflow is: 0 is the run's own workflow. */
export const legOf = (workflowId: string): number => Number(LEG.exec(workflowId)?.[1] ?? 0);

/** Returns the run that a workflow is a leg of. */
export const runOf = (workflowId: string): string => workflowId.replace(LEG, '');
