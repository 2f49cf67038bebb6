/**
 * A stand-in for the API of a model, on this machine: chat completions and responses as OpenAI speaks them, streamed and not.
 * What the model says is in the hands of the test.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModelRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

export type ModelReply =
  | { readonly kind: 'text'; readonly text: string }
  /** The tool is to run a command; only of the Responses API. */
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string; readonly message: string }
  /** Never comes. */
  | { readonly kind: 'silence' };

export const QUOTA: ModelReply = {
  ...{ kind: 'refused', status: 429, code: 'insufficient_quota' },
  message: 'You exceeded your current quota, please check your plan and billing details.',
};

export interface ModelServer {
  /** What tools call their base. */
  readonly url: string;
  /** In the order they came. */
  readonly requests: ModelRequest[];
  close(): Promise<void>;
}

/** What it says each reply has used. */
export const USED = { input: 1_200, output: 34 };

/** Starts it. `reply` says what the model answers. */
export async function startModel(reply: (request: ModelRequest) => ModelReply): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const path = incoming.url ?? '';
      const isAsked = incoming.method === 'POST' && /^\/v1\/(chat\/completions|responses)$/.test(path);
      if (!isAsked) return refuse(response, 404, 'not_found', `nobody answers "${path}" here`);
      const body = JSON.parse(text) as ModelRequest['body'];
      const request = { path, headers: incoming.headers, body };
      requests.push(request);
      const said = reply(request);
      if (said.kind === 'silence') return;
      if (said.kind === 'refused') return refuse(response, said.status, said.code, said.message);
      if (path.endsWith('/responses')) return respond(response, said);
      return complete(response, body, said.kind === 'text' ? said.text : '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { message, type: code, param: null, code } }));
}

/** Answers as `POST /v1/chat/completions` does. */
function complete(response: ServerResponse, body: ModelRequest['body'], text: string): void {
  const usage = {
    prompt_tokens: USED.input,
    completion_tokens: USED.output,
    total_tokens: USED.input + USED.output,
  };
  const base = { id: 'chat-1', created: 1, model: body['model'] };
  if (body['stream'] !== true) {
    const choice = { index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...base, object: 'chat.completion', choices: [choice], usage }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (rest: object): void => {
    response.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', ...rest })}\n\n`);
  };
  // In small pieces, as a model types.
  for (const piece of text.match(/[^]{1,40}/gu) ?? []) {
    send({ choices: [{ index: 0, delta: { role: 'assistant', content: piece }, finish_reason: null }] });
  }
  send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
  const options = body['stream_options'] as { include_usage?: boolean } | undefined;
  if (options?.include_usage === true) send({ choices: [], usage });
  response.end('data: [DONE]\n\n');
}

/** Answers as `POST /v1/responses` does, by server-sent events. */
function respond(response: ServerResponse, said: ModelReply & { kind: 'text' | 'command' }): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (event: { readonly type: string; readonly [field: string]: unknown }): void => {
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  };
  const id = 'response-1';
  send({ type: 'response.created', response: { id } });
  const item =
    said.kind === 'text'
      ? {
          type: 'message',
          role: 'assistant',
          id: 'message-1',
          content: [{ type: 'output_text', text: said.text }],
        }
      : {
          ...{ type: 'function_call', id: 'function-1', call_id: 'call-1', name: 'exec_command' },
          arguments: JSON.stringify({ cmd: said.command }),
        };
  send({ type: 'response.output_item.done', item, output_index: 0 });
  const usage = {
    ...{ input_tokens: USED.input, input_tokens_details: { cached_tokens: 0 } },
    ...{ output_tokens: USED.output, output_tokens_details: { reasoning_tokens: 0 } },
    total_tokens: USED.input + USED.output,
  };
  send({ type: 'response.completed', response: { id, usage } });
  response.end();
}
