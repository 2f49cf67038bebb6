/**
 * A server that speaks as much of GitHub's API as issues need, and fails when it is told to.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface StoredIssue {
  readonly number: number;
  title: string;
  body: string;
  labels: string[];
}

/** What happens to the next call that fits: an answer instead, or the work done and the line cut. */
export type Mishap =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly message?: string }
  | 'done-but-cut';

export interface GitHub {
  readonly url: string;
  readonly issues: StoredIssue[];
  readonly comments: { id: number; issue: number; body: string }[];
  /** `METHOD path`, in order. */
  readonly calls: string[];
  readonly tokens: Set<string>;
  /** For the next call whose `METHOD path` begins like this; the first first. */
  fail(call: string, mishap: Mishap): void;
  close(): Promise<void>;
}

interface Change {
  readonly title?: string;
  readonly body?: string;
  readonly labels?: readonly string[];
}

export async function aGitHub(): Promise<GitHub> {
  const issues: StoredIssue[] = [];
  const comments: GitHub['comments'] = [];
  const calls: string[] = [];
  const tokens = new Set<string>();
  const mishaps: { call: string; mishap: Mishap }[] = [];

  const shown = (issue: StoredIssue): object => ({
    ...issue,
    labels: issue.labels.map((name) => ({ name })),
  });
  const answer = (method: string, url: URL, change: Change): readonly [number, unknown] => {
    const path = url.pathname.replace(/^\/repos\/acme\/shop/, '');
    const [, number, rest] = /^\/issues\/(\d+)(\/comments)?$/.exec(path) ?? [];
    const issue = issues.find((one) => one.number === Number(number));
    if (path === '/issues' && method === 'GET') {
      const label = url.searchParams.get('labels');
      const size = Number(url.searchParams.get('per_page'));
      const from = (Number(url.searchParams.get('page')) - 1) * size;
      const found = issues.filter((one) => label === null || one.labels.includes(label));
      return [200, found.slice(from, from + size).map(shown)];
    }
    if (path === '/issues' && method === 'POST') {
      const made = {
        number: Math.max(0, ...issues.map((one) => one.number)) + 1,
        ...{ title: change.title!, body: change.body ?? '', labels: [...(change.labels ?? [])] },
      };
      issues.push(made);
      return [201, shown(made)];
    }
    const commentId = /^\/issues\/comments\/(\d+)$/.exec(path)?.[1];
    if (commentId !== undefined && method === 'PATCH') {
      const comment = comments.find(({ id }) => id === Number(commentId))!;
      comment.body = change.body!;
      return [200, comment];
    }
    if (issue === undefined) return [404, { message: 'Not Found' }];
    if (rest !== undefined && method === 'GET')
      return [200, comments.filter((one) => one.issue === issue.number)];
    if (rest !== undefined) {
      comments.push({ id: comments.length + 1, issue: issue.number, body: change.body! });
      return [201, comments.at(-1)];
    }
    if (method === 'PATCH') {
      issue.title = change.title ?? issue.title;
      issue.body = change.body ?? issue.body;
      issue.labels = [...(change.labels ?? issue.labels)];
    }
    return [200, shown(issue)];
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url!, 'http://x');
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const call = `${request.method!} ${url.pathname}`;
    calls.push(call);
    tokens.add(request.headers.authorization ?? '');
    const at = mishaps.findIndex((one) => call.startsWith(one.call));
    const [mishap] = at < 0 ? [] : mishaps.splice(at, 1).map((one) => one.mishap);
    const json = (status: number, value: unknown, headers: Record<string, string> = {}): void =>
      void response
        .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
        .end(JSON.stringify(value));
    if (mishap !== undefined && mishap !== 'done-but-cut')
      return json(mishap.status, { message: mishap.message ?? 'no' }, mishap.headers);
    const body = Buffer.concat(pieces).toString('utf8');
    const [status, value] = answer(request.method!, url, body === '' ? {} : (JSON.parse(body) as Change));
    if (mishap === 'done-but-cut') return void request.socket.destroy();
    json(status, value);
  };
  const server = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ issues, comments, calls, tokens },
    fail: (call, mishap) => void mishaps.push({ call, mishap }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
