/**
 * Small notes beside a run's record: how it was started, and that it is not to be trusted.
 */
import { readJson, writeJson } from '../os/json-file.js';
import type { QuarantineNote } from '../plan/record.js';
import { runFiles } from './layout.js';

/** What the client knew when it started a run. It makes `list` and `last` work before anything else is recorded. */
export interface StartNote {
  readonly format: 1;
  readonly runId: string;
  readonly planId: string;
  readonly project: string;
  /** Absolute path of the plan file, or null when the plan did not come from one. */
  readonly planFile: string | null;
  readonly root: string;
  /** What was given by `--var`, without secrets: a retry reads the plan with the same. */
  readonly variables: Readonly<Record<string, string>>;
  readonly createdAt: number;
  /** Where it runs. */
  readonly address: string;
  readonly namespace: string;
}

export const writeStartNote = (home: string, note: StartNote): void =>
  writeJson(runFiles(home, note.runId).start, note);

export function readStartNote(home: string, runId: string): StartNote | null {
  const note = readJson(runFiles(home, runId).start);
  return isFormat(note) ? (note as StartNote) : null;
}

export const writeQuarantine = (home: string, runId: string, note: QuarantineNote): void =>
  writeJson(runFiles(home, runId).quarantine, { format: 1, ...note });

export function readQuarantine(home: string, runId: string): QuarantineNote | null {
  const note = readJson(runFiles(home, runId).quarantine);
  return isFormat(note) ? (note as unknown as QuarantineNote) : null;
}

// The number is what these files are known by: one of a later version has another, and is not read as if it were ours.
const isFormat = (value: unknown): value is { format: 1 } =>
  typeof value === 'object' && value !== null && 'format' in value && value.format === 1;
