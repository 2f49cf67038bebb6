/**
 * One issue for each workstream on a hosting site: found again, made where there is none, changed where it differs.
 */
import { readFile } from 'node:fs/promises';
import { applyEdits, modify, parse } from 'jsonc-parser';
import { writeShared } from '../../os/shared-file.js';
import { ApiFailure, type Issue, type Issues } from '../../tools/github/api.js';
import type { ReportedWorkstream, SetReport } from '../../workstream/report/report.js';
import {
  commentMarker,
  issueOf,
  OUR_LABEL,
  withBlock,
  withLabels,
  workstreamIn,
} from '../../workstream/sync/issue.js';
import type { Workstream } from '../../workstream/workstream.js';

export interface IssueResult {
  readonly id: string;
  readonly number: number | null;
  readonly result: 'created' | 'updated' | 'unchanged' | null;
  /** Why it failed; null when it did not. */
  readonly trouble: string | null;
}

export interface IssueWork {
  readonly workstream: Workstream;
  readonly status: string;
}

/**
 * Brings the issues up to date, one after the other: a trouble with one is told and stops no other. Doing it again changes
 * nothing.
 */
export async function syncIssues(issues: Issues, work: readonly IssueWork[]): Promise<IssueResult[]> {
  const shared = sharedNumbers(work);
  const ours = async (): Promise<Map<string, Issue>> => {
    const known = new Map<string, Issue>();
    for (const issue of [...(await issues.labelled(OUR_LABEL))].sort((a, b) => a.number - b.number)) {
      const id = workstreamIn(issue.body);
      if (id !== null && !known.has(id)) known.set(id, issue);
    }
    return known;
  };
  const known = await ours();
  const results: IssueResult[] = [];
  for (const one of work) {
    const { id, ccpmIssue } = one.workstream;
    try {
      const number = numberOf(ccpmIssue);
      const named = number === null || shared.has(number) ? null : await issues.find(number);
      const isTaken = named !== null && ![null, id as string].includes(workstreamIn(named.body));
      const found = known.get(id) ?? (isTaken ? null : named);
      results.push(await syncOne(issues, one, found, async () => (await ours()).get(id) ?? null));
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      results.push({ id, number: null, result: null, trouble: error.message });
    }
  }
  return results;
}

async function syncOne(
  issues: Issues,
  { workstream, status }: IssueWork,
  found: Issue | null,
  isThere: () => Promise<Issue | null>,
): Promise<IssueResult> {
  const { id } = workstream;
  const { title, block, labels } = issueOf(workstream, status);
  if (found === null) {
    const { number } = await issues.create({ title, body: block, labels }, isThere);
    return { id, number, result: 'created', trouble: null };
  }
  const { number } = found;
  const body = withBlock(found.body, id, block);
  const wanted = withLabels(found.labels, labels);
  // The title is ours only where the issue is: one that a person opened keeps theirs.
  const isOurs = workstreamIn(found.body) === id && found.title.startsWith(`${id}:`);
  const isSame =
    sameText(body, found.body) &&
    [...wanted].sort().join('\n') === [...found.labels].sort().join('\n') &&
    (!isOurs || title === found.title);
  if (isSame) return { id, number, result: 'unchanged', trouble: null };
  await issues.change(number, { body, labels: wanted, ...(isOurs ? { title } : {}) });
  return { id, number, result: 'updated', trouble: null };
}

/** Sites keep line ends as they came in. */
const sameText = (a: string, b: string): boolean => a.replace(/\r\n/g, '\n') === b.replace(/\r\n/g, '\n');

export const numberOf = (issue: string | number): number | null => {
  const number =
    typeof issue === 'number' ? issue : /^#?\d{1,9}$/.test(issue) ? Number(issue.replace('#', '')) : 0;
  return Number.isInteger(number) && number > 0 ? number : null;
};

/** Numbers that several workstreams name: the issue of a larger piece of work, and of none of them alone. */
export function sharedNumbers(work: readonly IssueWork[]): ReadonlySet<number> {
  const numbers = work.flatMap(({ workstream }) => numberOf(workstream.ccpmIssue) ?? []);
  return new Set(numbers.filter((number, at) => numbers.indexOf(number) !== at));
}

/** Writes the number of its issue into a bundle. Nothing else in the file changes. */
export async function linkIssue(file: string, id: string, number: number): Promise<void> {
  const text = await readFile(file, 'utf8');
  const document = parse(text.replace(/^\ufeff/, '')) as unknown;
  const at = Array.isArray(document)
    ? document.findIndex((one) => (one as { id?: unknown } | null)?.id === id)
    : null;
  if (at === -1) return;
  const path = at === null ? ['ccpm_issue'] : [at, 'ccpm_issue'];
  const edits = modify(text, path, number, { formattingOptions: { insertSpaces: true, tabSize: 2 } });
  await writeShared(file, applyEdits(text, edits));
}

/** Says on each issue what a run made of its workstream: one comment for each run, changed as things go on. Best effort. */
export async function commentOnRun(
  issues: Issues,
  report: SetReport,
  numbers: ReadonlyMap<string, number>,
): Promise<string[]> {
  const troubles: string[] = [];
  for (const workstream of report.workstreams) {
    const number = numbers.get(workstream.id);
    if (number === undefined || workstream.startedAt === null) continue;
    const marker = commentMarker(report.runId, workstream.id);
    const body = `${marker}\n${stagesOf(workstream, report.runId).join('\n')}`;
    try {
      const before = (await issues.comments(number)).find((comment) => comment.body.includes(marker));
      if (before === undefined) await issues.comment(number, body);
      else if (!sameText(before.body, body)) await issues.changeComment(before.id, body);
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      troubles.push(`comment on issue #${number}: ${error.message}`);
    }
  }
  return troubles;
}

function stagesOf(
  { startedAt, endedAt, state, tool, attempts, patch, reason }: ReportedWorkstream,
  run: string,
): string[] {
  const at = (ms: number): string => new Date(ms).toISOString();
  const lines = [`Run \`${run}\``, '', `- workstream_start ${at(startedAt!)}: tool ${tool}`];
  if (endedAt === null) return lines;
  const fate =
    patch === null
      ? ''
      : `, patch ${patch.state}${patch.commit === null ? '' : ` as ${patch.commit.slice(0, 10)}`}`;
  const tries = attempts > 1 ? ` after ${attempts} attempts` : '';
  const why = reason ?? patch?.reason ?? '';
  return [
    ...lines,
    `- workstream_end ${at(endedAt)}: ${state}${tries}${fate}${why === '' ? '' : `: ${why.replace(/\s+/g, ' ')}`}`,
  ];
}
