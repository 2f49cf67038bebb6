/**
 * Repositories with workstreams to be run, and a tool that really edits files.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Shop } from '../cli/a-shop.js';

/** Does what the workstream's first task says, one order a word: `write:<file>=<text>`, `wait:<file>`, `needs:<file>`. */
const TOOL = `
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
const prompt = readFileSync(process.env.PLANWRIGHT_PROMPT_FILE, 'utf8');
for (const [, order, file, text] of prompt.matchAll(/(write|wait|needs):([^\\s=]+)(?:=(\\S*))?/g)) {
  if (order === 'write') { mkdirSync(dirname(file), { recursive: true }); appendFileSync(file, text + '\\n'); }
  else if (order === 'needs') { if (!existsSync(file)) { console.log(text); process.exit(1); } }
  else while (!existsSync(file)) await new Promise((done) => setTimeout(done, 50));
}
`;

export interface Bundle {
  readonly id: string;
  readonly task: string;
  readonly scope: readonly string[];
  readonly dependsOn?: readonly string[];
  readonly tests?: readonly string[];
}

export interface Place {
  readonly repository: string;
  readonly config: string;
  git(...args: string[]): string;
}

export interface PlaceOptions {
  /** A shell line. */
  readonly gate: string;
  /** Of the stand-in: breakers are by name, over all runs of a server. */
  readonly tool?: string;
  /** Further sections of the configuration. */
  readonly more?: object;
}

/** A repository with bundles and a configuration. */
export function aPlaceIn(
  shop: Shop,
  name: string,
  bundles: readonly Bundle[],
  { gate, tool: named = 'stand-in', more = {} }: PlaceOptions,
): Place {
  const folder = join(shop.folder, name);
  const repository = join(folder, 'repository');
  mkdirSync(join(repository, 'workstreams'), { recursive: true });
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim();
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'T');
  git('config', 'user.email', 't@example.org');
  writeFileSync(join(repository, 'shared.txt'), 'one\ntwo\nthree\n');
  for (const { id, task, scope, dependsOn = [], tests = [] } of bundles) {
    const bundle = {
      ...{ id, openspec_change: 'X', ccpm_issue: 1, gate: 1, tool: named, tasks: [task] },
      ...{ files_scope: scope, depends_on: dependsOn, acceptance_tests: tests },
    };
    writeFileSync(join(repository, 'workstreams', `${id}.json`), JSON.stringify(bundle));
  }
  git('add', '-A');
  git('commit', '-qm', 'begin');
  const tool = join(folder, 'tool.mjs');
  writeFileSync(tool, TOOL);
  const config = join(folder, 'config.json');
  const settings = {
    execution: { max_workers: 3, default_tool: named },
    tools: { [named]: { executable: process.execPath, args: [tool] } },
    gates: [{ name: 'sound', command: gate, timeout_seconds: 60 }],
    ...more,
  };
  writeFileSync(config, JSON.stringify(settings));
  return { repository, config, git };
}
