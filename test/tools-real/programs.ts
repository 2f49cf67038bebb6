/**
 * The real programs, set up to speak with a stand-in for their model: as a person would, by environment and configuration.
 */
import type { ModelReply } from './model-server.js';

/** Where `npm run test:tools` put them; one that it could not install is not there. */
export const PROGRAMS = JSON.parse(process.env['PLANWRIGHT_REAL_TOOLS'] ?? '{}') as Readonly<
  Record<string, string>
>;

export const KEY = 'sk-only-for-tests-0123456789';

export interface RealTool {
  readonly name: 'aider' | 'codex';
  readonly program: string | undefined;
  /** Of the worker. */
  env(url: string): NodeJS.ProcessEnv;
  /** What the configuration says of it. */
  settings(url: string): { readonly executable: string; readonly model: string; readonly args: string[] };
  /** What the model says so that the tool writes a file that is not there yet. */
  writes(file: string, text: string): ModelReply;
  /** The texts that came to the model, one after the other. */
  heard(body: Readonly<Record<string, unknown>>): string;
}

const said = (messages: unknown): string =>
  (messages as { content?: string | { text?: string }[] }[])
    .map(({ content }) =>
      typeof content === 'string' ? content : (content ?? []).map(({ text }) => text).join(''),
    )
    .join('\n');

const aider: RealTool = {
  name: 'aider',
  program: PROGRAMS['aider'],
  env: (url) => ({ OPENAI_API_KEY: KEY, OPENAI_API_BASE: url }),
  // A model whose price it knows.
  settings: () => ({ executable: PROGRAMS['aider']!, model: 'openai/gpt-4o', args: ['--stream'] }),
  writes: (file, text) => ({
    kind: 'text',
    text: `Here it is.\n\n${file}\n\`\`\`\n<<<<<<< SEARCH\n=======\n${text}\n>>>>>>> REPLACE\n\`\`\`\n`,
  }),
  heard: ({ messages }) => said(messages),
};

const codex: RealTool = {
  name: 'codex',
  program: PROGRAMS['codex'],
  env: () => ({ CODEX_API_KEY: KEY }),
  settings: (url) => ({
    executable: PROGRAMS['codex']!,
    model: 'gpt-test',
    args: [
      ...['-c', 'model_provider="here"', '-c', 'request_max_retries=0'],
      '-c',
      `model_providers.here={name="here",base_url="${url}",env_key="CODEX_API_KEY",wire_api="responses"}`,
    ],
  }),
  writes: (file, text) => ({
    kind: 'command',
    command: `mkdir -p "$(dirname '${file}')" && printf '%s\\n' '${text}' > '${file}'`,
  }),
  heard: ({ input }) => said(input),
};

export const REAL_TOOLS = [aider, codex];
