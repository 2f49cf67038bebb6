/**
 * The reports of a run of workstreams, in the run's directory: written on every ending.
 */
import { join } from 'node:path';
import { readJson, writeJson } from '../os/json-file.js';
import type { RunRecord } from '../plan/record.js';
import { EMPTY_NOTE, hasWorkstreams, reportOf, type SetNote } from '../workstream/report/from-record.js';
import { reportHtml } from '../workstream/report/html.js';
import { reportMarkdown } from '../workstream/report/markdown.js';
import { withLandings } from './landings.js';
import { runFiles } from './layout.js';
import { writeWhole } from './whole-file.js';

export interface SetReportFiles {
  readonly markdown: string;
  readonly json: string;
  readonly html: string;
}

export function setReportFiles(home: string, runId: string): SetReportFiles {
  const { directory } = runFiles(home, runId);
  return {
    markdown: join(directory, 'UET_EXECUTION_REPORT.md'),
    json: join(directory, 'report.json'),
    html: join(directory, 'report.html'),
  };
}

const noteFile = (home: string, runId: string): string => join(runFiles(home, runId).directory, 'set.json');

/** Keeps what the client knows of a set and no plan holds. */
export const writeSetNote = (home: string, runId: string, note: SetNote): void =>
  writeJson(noteFile(home, runId), note);

export function readSetNote(home: string, runId: string): SetNote {
  const note = readJson(noteFile(home, runId));
  const isNote = typeof note === 'object' && note !== null && 'format' in note && note.format === 1;
  return isNote ? (note as SetNote) : EMPTY_NOTE;
}

/** Writes the reports of a closed run; nothing for one without workstreams. Replaces what is there. */
export async function writeSetReport(home: string, record: RunRecord): Promise<SetReportFiles | null> {
  if (!hasWorkstreams(record)) return null;
  const { runId, endedAt, createdAt } = record.head;
  const report = reportOf(withLandings(home, record), readSetNote(home, runId));
  const files = setReportFiles(home, runId);
  const now = endedAt ?? createdAt;
  await writeWhole(files.json, [`${JSON.stringify(report, null, 2)}\n`]);
  await writeWhole(files.markdown, [reportMarkdown(report, now)]);
  await writeWhole(files.html, [reportHtml(report, now)]);
  return files;
}
