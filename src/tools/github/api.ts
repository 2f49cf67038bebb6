/**
 * The part of GitHub's API that issues need, with patience: what is only for now (429, 5xx, limits, a broken line) is tried
 * again, later and later.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Octokit } from '@octokit/core';

export interface Issue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly labels: readonly string[];
}

export interface IssueChange {
  readonly title?: string;
  readonly body?: string;
  readonly labels?: readonly string[];
}

export interface Comment {
  readonly id: number;
  readonly body: string;
}

export interface Issues {
  /** All that carry a label, open and closed. */
  labelled(label: string): Promise<Issue[]>;
  /** Null when there is none of that number. */
  find(number: number): Promise<Issue | null>;
  /** Asks `isThere` before every further try: the answer to the first may be all that was lost. */
  create(issue: Required<IssueChange>, isThere: () => Promise<Issue | null>): Promise<Issue>;
  change(number: number, change: IssueChange): Promise<void>;
  comments(number: number): Promise<Comment[]>;
  comment(number: number, body: string): Promise<void>;
  changeComment(id: number, body: string): Promise<void>;
}

export interface IssuesRequest {
  /** `https://api.github.com`, or of an own server `https://…/api/v3`. */
  readonly baseUrl: string;
  readonly owner: string;
  readonly repo: string;
  readonly token: string | null;
  readonly userAgent: string;
  /** How long the first wait is; each further one is twice as long. */
  readonly firstWaitMs?: number;
  readonly tries?: number;
}

/** A call that failed for good. The message says which, and what was answered. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure';
  constructor(
    readonly status: number | null,
    message: string,
  ) {
    super(message);
  }
}

const FIRST_WAIT_MS = 1_000;
const TRIES = 5;
/** A limit that is lifted later than this is told of instead of waited for. */
const LONGEST_WAIT_MS = 90_000;
const CALL_MS = 30_000;
/** A hundred issues a page. */
const MOST_PAGES = 100;

/** Opens the issues of a repository. The client is loaded here and nowhere else. */
export async function openIssues(request: IssuesRequest): Promise<Issues> {
  const { Octokit: Client } = await import('@octokit/core');
  const { baseUrl, owner, repo, token, userAgent } = request;
  const client = new Client({
    baseUrl: baseUrl.replace(/\/+$/, ''),
    userAgent,
    ...(token === null ? {} : { auth: token }),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  const call: Call = (route, parameters) => patiently(client, route, { owner, repo, ...parameters }, request);
  const pages = async (route: string, parameters: Record<string, unknown>): Promise<unknown[]> => {
    const all: unknown[] = [];
    for (let page = 1; page <= MOST_PAGES; page += 1) {
      const found = listOf(await call(route, { ...parameters, per_page: 100, page }));
      all.push(...found);
      if (found.length < 100) break;
    }
    return all;
  };
  const one = '/repos/{owner}/{repo}/issues/{number}';
  return {
    labelled: async (label) =>
      (await pages('GET /repos/{owner}/{repo}/issues', { labels: label, state: 'all' })).map(issueIn),
    async find(number) {
      try {
        return issueIn(await call(`GET ${one}`, { number }));
      } catch (error) {
        if (error instanceof ApiFailure && (error.status === 404 || error.status === 410)) return null;
        throw error;
      }
    },
    async create({ title, body, labels }, isThere) {
      const route = 'POST /repos/{owner}/{repo}/issues';
      const before = (): Promise<unknown> => isThere();
      return issueIn(
        await patiently(client, route, { owner, repo, title, body, labels }, { ...request, before }),
      );
    },
    change: async (number, change) => void (await call(`PATCH ${one}`, { number, ...change })),
    comments: async (number) =>
      (await pages(`GET ${one}/comments`, { number })).map((value) => {
        const { id, body } = value as { readonly id: number; readonly body?: string | null };
        return { id, body: body ?? '' };
      }),
    comment: async (number, body) => void (await call(`POST ${one}/comments`, { number, body })),
    changeComment: async (id, body) =>
      void (await call('PATCH /repos/{owner}/{repo}/issues/comments/{id}', { id, body })),
  };
}

type Call = (route: string, parameters: Record<string, unknown>) => Promise<unknown>;

interface Patience extends Pick<IssuesRequest, 'firstWaitMs' | 'tries'> {
  /** Asked before each further try: what it finds is the answer. */
  readonly before?: () => Promise<unknown>;
}

async function patiently(
  client: Octokit,
  route: string,
  parameters: Record<string, unknown>,
  { firstWaitMs = FIRST_WAIT_MS, tries = TRIES, before }: Patience,
): Promise<unknown> {
  for (let tried = 1; ; tried += 1) {
    try {
      const request = { signal: AbortSignal.timeout(CALL_MS) };
      return (await client.request(route, { ...parameters, request })).data as unknown;
    } catch (error) {
      const failed = failureIn(error);
      const waitMs = failed.waitMs ?? firstWaitMs * 2 ** (tried - 1);
      if (!failed.passes || tried >= tries || waitMs > LONGEST_WAIT_MS) {
        const [method = '', path = ''] = route.split(' ');
        throw new ApiFailure(failed.status, `${method} ${pathOf(path, parameters)}: ${failed.said}`);
      }
      await sleep(waitMs);
      const found = await before?.();
      if (found !== undefined && found !== null) return found;
    }
  }
}

interface Failed {
  readonly status: number | null;
  readonly said: string;
  /** It may be over when it is tried again. */
  readonly passes: boolean;
  /** What the site asks for; null when it says nothing. */
  readonly waitMs: number | null;
}

function failureIn(error: unknown): Failed {
  const { status, message, response } = error as {
    readonly status?: number;
    readonly message?: string;
    readonly response?: { readonly headers?: Readonly<Record<string, string | undefined>> };
  };
  const headers = response?.headers ?? {};
  const said = (message ?? String(error)).split('\n')[0]!.slice(0, 300);
  // Without an answer the client says 500 itself.
  const isAnswer = response !== undefined && typeof status === 'number';
  if (!isAnswer) return { status: null, said, passes: true, waitMs: null };
  const isSpent = headers['x-ratelimit-remaining'] === '0';
  const isLimited =
    status === 429 ||
    (status === 403 && (isSpent || headers['retry-after'] !== undefined || /rate limit/i.test(said)));
  return {
    status,
    said: `${status} ${said}`,
    passes: isLimited || status >= 500,
    waitMs: isLimited ? waitIn(headers, isSpent) : null,
  };
}

function waitIn(headers: Readonly<Record<string, string | undefined>>, isSpent: boolean): number | null {
  const after = Number(headers['retry-after'] ?? NaN);
  if (Number.isFinite(after)) return Math.max(0, after * 1_000);
  const reset = Number(headers['x-ratelimit-reset'] ?? NaN);
  return isSpent && Number.isFinite(reset) ? Math.max(1_000, reset * 1_000 - Date.now()) : null;
}

const pathOf = (path: string, parameters: Record<string, unknown>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => String(parameters[name]));

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function issueIn(value: unknown): Issue {
  const { number, title, body, labels } = value as {
    readonly number: number;
    readonly title: string;
    readonly body?: string | null;
    readonly labels?: readonly (string | { readonly name?: string })[];
  };
  const names = (labels ?? []).map((label) => (typeof label === 'string' ? label : (label.name ?? '')));
  return { number, title, body: body ?? '', labels: names };
}

const quiet = (): void => undefined;
