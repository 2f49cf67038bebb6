/**
 * A repository with bundles, and a tool that does what the first task of a workstream says.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Shop } from './a-shop.js';

/** One order a word: `write:<file>=<text>`, `wait:<file>`, `fail:<code>`. */
const TOOL = `
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
const prompt = readFileSync(process.env.PLANWRIGHT_PROMPT_FILE, 'utf8');
for (const [, order, file, text] of prompt.matchAll(/(write|wait|fail):([^\\s=]+)(?:=(\\S*))?/g)) {
  if (order === 'write') { mkdirSync(dirname(file), { recursive: true }); appendFileSync(file, text + '\\n'); }
  else if (order === 'fail') process.exit(Number(file));
  else while (!existsSync(file)) await new Promise((done) => setTimeout(done, 50));
}
`;

export interface Work {
  readonly id: string;
  readonly task: string;
  readonly scope?: readonly string[];
  readonly dependsOn?: readonly string[];
  readonly [field: string]: unknown;
}

export interface Place {
  readonly repository: string;
  readonly config: string;
  git(...args: string[]): string;
}

/** Makes a repository on the branch "main"; each workstream may write one file named like it unless it says more. */
export function aPlace(shop: Shop, name: string, works: readonly Work[]): Place {
  const folder = join(shop.folder, name);
  const repository = join(folder, 'repository');
  mkdirSync(join(repository, 'workstreams'), { recursive: true });
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim();
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'T');
  git('config', 'user.email', 't@example.org');
  writeFileSync(join(repository, 'begin.txt'), 'one\n');
  for (const { id, task, scope = [`${id}.txt`], dependsOn = [], ...more } of works) {
    const bundle = {
      ...{ id, openspec_change: 'X', ccpm_issue: 1, gate: 1, tool: 'stand-in', tasks: [task] },
      ...{ files_scope: scope, depends_on: dependsOn, ...more },
    };
    writeFileSync(join(repository, 'workstreams', `${id}.json`), JSON.stringify(bundle));
  }
  git('add', '-A');
  git('commit', '-qm', 'begin');
  const tool = join(folder, 'tool.mjs');
  writeFileSync(tool, TOOL);
  const config = join(folder, 'config.json');
  const settings = {
    execution: {
      max_workers: 3,
      default_tool: 'stand-in',
      retry_policy: { max_retries: 0, backoff_seconds: 0 },
    },
    tools: { 'stand-in': { executable: process.execPath, args: [tool] } },
  };
  writeFileSync(config, JSON.stringify(settings));
  return { repository, config, git };
}

/** How a command is told of the place. */
export const at = ({ repository, config }: Place): readonly string[] => [
  ...['--root', repository, '--config', config],
];
