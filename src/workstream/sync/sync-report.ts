/**
 * What a sync did: the data of its report, and the report as Markdown.
 */
export interface SyncedFile {
  readonly id: string;
  readonly file: string;
  readonly result: 'committed' | 'unchanged' | 'failed' | 'malformed';
  readonly commit: string | null;
  /** The issue's number, when issues were asked for. */
  readonly issue: number | null;
  /** `created`, `updated`, `unchanged`; null when issues were not asked for, or it failed. */
  readonly issueResult: 'created' | 'updated' | 'unchanged' | null;
  /** Why it failed or is malformed; empty otherwise. */
  readonly detail: string;
}

export interface SyncResult {
  readonly sync_timestamp: string;
  readonly feature_branch: string;
  readonly dry_run: boolean;
  readonly workstreams_processed: number;
  readonly commits_created: number;
  readonly errors_count: number;
  readonly success_count: number;
  readonly malformed_count: number;
  readonly pushed: boolean;
  readonly files: readonly SyncedFile[];
  /** Errors that are of no single file. */
  readonly errors: readonly string[];
  /** Calls that a dry run would have made. */
  readonly api_calls: readonly string[];
  /** What is still to be done, as commands. */
  readonly left: readonly string[];
}

/** Counts what is in the report. A file that is malformed is no error of the sync: it is told apart. */
export function syncCounts(
  files: readonly SyncedFile[],
  errors: readonly string[],
): Pick<
  SyncResult,
  'workstreams_processed' | 'commits_created' | 'errors_count' | 'success_count' | 'malformed_count'
> {
  const count = (is: (file: SyncedFile) => boolean): number => files.filter(is).length;
  const failed = count(({ result }) => result === 'failed');
  const malformed = count(({ result }) => result === 'malformed');
  return {
    workstreams_processed: files.length - malformed,
    commits_created: count(({ commit }) => commit !== null),
    errors_count: failed + errors.length,
    success_count: files.length - failed - malformed,
    malformed_count: malformed,
  };
}

export function syncMarkdown(result: SyncResult): string {
  const { files, errors, left } = result;
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', `## ${title}`, '', ...lines];
  const of = (...results: SyncedFile['result'][]): readonly SyncedFile[] =>
    files.filter((file) => results.includes(file.result));
  const issue = ({ issue: number, issueResult }: SyncedFile): string =>
    number === null ? '' : `, issue #${number}${issueResult === null ? '' : ` ${issueResult}`}`;
  return `${[
    '# Workstream sync',
    '',
    '| | |',
    '| --- | --- |',
    `| sync_timestamp | ${result.sync_timestamp} |`,
    `| feature_branch | ${result.feature_branch} |`,
    `| workstreams_processed | ${result.workstreams_processed} |`,
    `| commits_created | ${result.commits_created} |`,
    `| errors_count | ${result.errors_count} |`,
    `| success_count | ${result.success_count} |`,
    `| malformed_count | ${result.malformed_count} |`,
    `| pushed | ${result.pushed ? 'yes' : 'no'} |`,
    ...section(
      'Successes',
      of('committed', 'unchanged').map(
        (file) =>
          `- ${file.id}: ${file.commit === null ? 'nothing to commit' : `commit ${file.commit.slice(0, 10)}`}${issue(file)} (${file.file})`,
      ),
    ),
    ...section('Errors', [
      ...of('failed').map(({ id, detail, file }) => `- ${id}: ${detail} (${file})`),
      ...errors.map((error) => `- ${error}`),
    ]),
    ...section(
      'Malformed, left out',
      of('malformed').map(({ file, detail }) => `- ${file}: ${detail}`),
    ),
    ...section(
      'Left to do',
      left.map((command) => `- ${command}`),
    ),
  ].join('\n')}\n`;
}
