/**
 * Bringing the workstreams of a repository to a hosting site: their files as commits on a branch, and, if asked, an issue each.
 */
import { realpath } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { writeShared } from '../../os/shared-file.js';
import { packageVersion } from '../../package.js';
import { readSetNote } from '../../record/set-report.js';
import { ApiFailure, openIssues, type Issues } from '../../tools/github/api.js';
import { BranchMoved, commitFiles } from '../../tools/workstream/commit-files.js';
import type { Bundle } from '../../workstream/load/load-set.js';
import { reportOf } from '../../workstream/report/from-record.js';
import { statusTable } from '../../workstream/status.js';
import {
  syncCounts,
  syncMarkdown,
  type SyncedFile,
  type SyncResult,
} from '../../workstream/sync/sync-report.js';
import { PlanwrightError } from '../errors.js';
import type { Link } from '../link.js';
import { findRun } from '../list-runs.js';
import { readRun } from '../read-run.js';
import type { PreparedSet } from './prepare-set.js';
import { runVerdicts } from './run-verdicts.js';
import { readStatusBook, STATUS_FILE } from './status-book.js';
import { pushBranch, syncBranch } from './sync-branch.js';
import {
  commentOnRun,
  linkIssue,
  numberOf,
  sharedNumbers,
  syncIssues,
  type IssueResult,
} from './sync-issues.js';

export interface SyncRequest {
  readonly branch: string | null;
  readonly remote: string;
  readonly push: boolean;
  readonly dryRun: boolean;
  /** Null: no issue is touched. */
  readonly issues: {
    readonly repo: string | null;
    readonly apiUrl: string | null;
    readonly comments: string | null;
  } | null;
  readonly cwd: string;
  readonly now: number;
}

export interface Synced {
  readonly result: SyncResult;
  /** Where the report is; null for a dry run. */
  readonly report: string | null;
}

/**
 * Synchronises. A trouble with one workstream is in the result, and stops no other.
 *
 * @throws PlanwrightError `bad-request` before anything is changed
 */
export async function syncSet(link: Link, prepared: PreparedSet, request: SyncRequest): Promise<Synced> {
  const { dryRun, now } = request;
  const stamp = stampOf(now);
  const place = await syncBranch(prepared.root, request.branch ?? `feature/ws-sync-${stamp}`, request.remote);
  const { repository, branch, remote } = place;
  const top = await realpath(repository.workTree!);
  // Nobody needs an "origin"; a remote that was named is one that is meant.
  if (remote === null && request.push && request.remote !== 'origin')
    throw new PlanwrightError('bad-request', `there is no remote "${request.remote}"`, [
      `git remote add ${request.remote} <address>`,
      'or push nothing: --no-push',
    ]);
  const bundles = await Promise.all(
    prepared.set.bundles.map(async (bundle) => {
      const file = await realpath(resolve(request.cwd, bundle.file));
      return { ...bundle, full: file, path: relative(top, file).split(sep).join('/') };
    }),
  );
  const outside = bundles.find(({ path }) => path.startsWith('../') || path === '');
  if (outside !== undefined)
    throw new PlanwrightError('bad-request', `"${outside.file}" is not in the repository ${top}`, [
      'name the repository that has it: --root <repository>',
    ]);
  const errors: string[] = [];
  const left: string[] = [];
  const api = request.issues === null ? null : apiOf(link.env, remote?.shownUrl ?? null, request.issues);
  const found = new Map<string, IssueResult>();
  if (api !== null && !dryRun) {
    for (const one of await issuesOf(link, prepared, api, request, errors)) found.set(one.id, one);
    for (const { workstream, full } of bundles) {
      const number = found.get(workstream.id)?.number ?? null;
      if (number === null || numberOf(workstream.ccpmIssue) === number) continue;
      if (/\.json$/i.test(full)) await linkIssue(full, workstream.id, number);
      else left.push(`write "ccpm_issue: ${number}" into ${full}`);
    }
  }
  const files = [...new Map(bundles.map((one) => [one.path, one])).keys()].sort();
  const inFile = (path: string) => bundles.filter((one) => one.path === path);
  let tip = place.from ?? place.start;
  let committed: Awaited<ReturnType<typeof commitFiles>>['files'] = [];
  try {
    const orders = files.map((path) => ({ path, message: messageOf(inFile(path)) }));
    const options = { people: place.people, atSec: Math.floor(now / 1000), dryRun };
    ({ files: committed, tip } = await commitFiles(repository, branch, place, orders, options));
  } catch (error) {
    if (!(error instanceof BranchMoved)) throw error;
    errors.push(error.message);
  }
  const commits = committed.some(({ commit }) => commit !== null);
  let pushed = false;
  if (!dryRun && (commits || place.from !== null) && errors.length === 0) {
    const order = `git push -u ${request.remote} ${branch}`;
    if (!request.push || remote === null) {
      if (remote === null)
        left.push(`there is no remote "${request.remote}": git remote add ${request.remote} <address>`);
      left.push(order);
    } else {
      const trouble = await pushBranch(place, remote, tip);
      pushed = trouble === null;
      if (trouble !== null) {
        errors.push(`push: ${trouble}`);
        left.push(order);
      }
    }
  }
  const rows: SyncedFile[] = [
    ...committed.map(({ path, commit, trouble }): SyncedFile => {
      const own = inFile(path);
      const issue = own.map(({ workstream }) => found.get(workstream.id)).find((one) => one !== undefined);
      const troubles = own.flatMap(({ workstream }) => found.get(workstream.id)?.trouble ?? []);
      const detail = [...(trouble === null ? [] : [trouble]), ...troubles].join('; ');
      return {
        id: own.map(({ workstream }) => workstream.id).join(', '),
        file: path,
        result: detail !== '' ? 'failed' : commit === null ? 'unchanged' : 'committed',
        commit,
        issue: issue?.number ?? null,
        issueResult: issue?.result ?? null,
        detail,
      };
    }),
    ...prepared.set.malformed.map(({ id, file, line, column, reason }): SyncedFile => ({
      ...{ id, file: `${file}:${line}:${column}`, result: 'malformed', commit: null },
      ...{ issue: null, issueResult: null, detail: reason },
    })),
  ];
  const result: SyncResult = {
    sync_timestamp: new Date(now).toISOString(),
    feature_branch: branch,
    dry_run: dryRun,
    ...syncCounts(rows, errors),
    pushed,
    files: rows,
    errors,
    api_calls: api === null || !dryRun ? [] : callsOf(prepared, api),
    left,
  };
  if (dryRun) return { result, report: null };
  const report = join(prepared.root, 'reports', `workstream_sync_${stamp}.md`);
  await writeShared(report, syncMarkdown(result));
  return { result, report };
}

function messageOf(bundles: readonly Bundle[]): string {
  const ids = bundles.map(({ workstream }) => workstream.id).join(', ');
  const facts = bundles.flatMap(({ workstream: { id, tool, gate, openspecChange, metadata } }) => {
    const document = metadata['doc_id'];
    return [
      ...(bundles.length > 1 ? ['', `Workstream: ${id}`] : []),
      `Change: ${openspecChange}`,
      ...(typeof document === 'string' ? [`Document: ${document}`] : []),
      `Tool: ${tool}`,
      `Gate: ${gate}`,
    ];
  });
  return `sync: ${ids}\n\n${facts.join('\n').trim()}\n`;
}

interface Api {
  readonly baseUrl: string;
  readonly owner: string;
  readonly repo: string;
  readonly token: string | null;
}

function apiOf(
  env: NodeJS.ProcessEnv,
  remoteUrl: string | null,
  { repo: named, apiUrl }: NonNullable<SyncRequest['issues']>,
): Api {
  const [, host = '', path = ''] =
    /^(?:[a-z+]+:\/\/)?(?:[^@/]*@)?([^:/]+)(?::\d+)?[:/](.+?)(?:\.git)?\/?$/.exec(remoteUrl ?? '') ?? [];
  const [owner, repo, ...more] = (named ?? path).split('/');
  if (named !== null && (!owner || !repo || more.length > 0))
    throw new PlanwrightError('bad-request', `"${named}" is no name of a repository: <owner>/<name>`);
  if (!owner || !repo || more.length > 0) {
    throw new PlanwrightError(
      'bad-request',
      `which repository has the issues? ${remoteUrl === null ? 'there is no remote' : `the remote's address says nothing of it: ${remoteUrl}`}`,
      ['name it: --repo <owner>/<name>'],
    );
  }
  const standard = host === '' || host === 'github.com' ? 'https://api.github.com' : `https://${host}/api/v3`;
  const baseUrl = apiUrl ?? (env['GITHUB_API_URL'] || standard);
  const token = env['GITHUB_TOKEN'] || env['GH_TOKEN'] || null;
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  const isNear = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isNear))) {
    throw new PlanwrightError('bad-request', `"${baseUrl}" is no address that a token may be sent to`, [
      'it must open with https://',
    ]);
  }
  return { baseUrl, owner, repo, token };
}

async function issuesOf(
  link: Link,
  prepared: PreparedSet,
  api: Api,
  request: SyncRequest,
  errors: string[],
): Promise<IssueResult[]> {
  const { root, set } = prepared;
  const workstreams = set.bundles.map(({ workstream }) => workstream);
  const named = workstreams.map(({ id, tasks }) => ({ id, name: tasks[0] ?? '' }));
  const table = statusTable(
    named,
    await readStatusBook(join(root, STATUS_FILE)),
    await runVerdicts(link, root),
  );
  const statusOf = new Map(table.map(({ id, status }) => [id, status]));
  const work = workstreams.map((workstream) => ({
    workstream,
    status: statusOf.get(workstream.id) ?? 'not_started',
  }));
  try {
    const issues = await openIssues({ ...api, userAgent: `planwright/${packageVersion()}` });
    const results = await syncIssues(issues, work);
    await comments(link, issues, results, request.issues?.comments ?? null);
    return results;
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    const how = api.token === null ? ' (no GITHUB_TOKEN is set)' : '';
    errors.push(`issues of ${api.owner}/${api.repo}: ${error.message}${how}`);
    return [];
  }
}

async function comments(
  link: Link,
  issues: Issues,
  results: readonly IssueResult[],
  run: string | null,
): Promise<void> {
  if (run === null) return;
  const runId = await findRun(link, run);
  const { record } = await readRun(link, runId);
  const numbers = new Map(
    results.flatMap(({ id, number }) => (number === null ? [] : [[id, number] as const])),
  );
  const troubles = await commentOnRun(issues, reportOf(record, readSetNote(link.home, runId)), numbers);
  for (const trouble of troubles) link.tell(trouble);
}

function callsOf({ set }: PreparedSet, { owner, repo }: Api): string[] {
  const work = set.bundles.map(({ workstream }) => ({ workstream, status: '' }));
  const shared = sharedNumbers(work);
  return work.map(({ workstream: { id, ccpmIssue } }) => {
    const number = numberOf(ccpmIssue);
    return number === null || shared.has(number)
      ? `POST /repos/${owner}/${repo}/issues  ${id}, unless one is found by its mark`
      : `PATCH /repos/${owner}/${repo}/issues/${number}  ${id}, where it differs`;
  });
}

/** `20260102-030405`, in the person's time zone. */
function stampOf(now: number): string {
  const date = new Date(now);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}-${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join('')}`;
}
