/**
 * The 37 workstreams of the example with a tool that takes 1 to 5 s, by 3 and by 8 workers, beside the sum of what the tool
 * takes: `node scripts/run-ts.mjs bench/workstream-set.ts`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../src/package.js';
import type { SetReport } from '../src/workstream/report/report.js';
import { workerSec } from './processor.js';
import { Planwright } from './programs.js';

const SET = join(packageRoot(), 'workstreams', 'example');

interface Work {
  readonly file: string;
  readonly seconds: number;
}

/** What may be changed, as a file: of a folder or a pattern one in it. */
const fileOf = (path: string): string =>
  /[*?[]|\/$/.test(path) ? `${path.replace(/[^/]*[*?[].*$/, '')}a-file.txt` : path;

/** What each bundle's tool does, and the files that are there before; malformed bundles have none. */
function readSet(): { work: Record<string, Work>; files: readonly string[] } {
  const work: Record<string, Work> = {};
  const isPlain = (path: string): boolean => path === fileOf(path);
  const files = new Set<string>();
  for (const name of readdirSync(SET).filter((file) => /^ws-.*\.json$/.test(file))) {
    let bundle: { id: string; files_scope: string[]; files_create?: string[]; acceptance_tests?: string[] };
    try {
      bundle = JSON.parse(readFileSync(join(SET, name), 'utf8')) as typeof bundle;
    } catch {
      continue;
    }
    const mayWrite = [...bundle.files_scope, ...(bundle.files_create ?? [])];
    const file = mayWrite.find(isPlain) ?? fileOf(mayWrite[0]!);
    files.add(file);
    work[bundle.id] = { file, seconds: 1 + (Object.keys(work).length % 5) };
    for (const path of bundle.files_scope) files.add(fileOf(path));
    // What its tests look for is there: what is measured is the engine.
    for (const test of bundle.acceptance_tests ?? []) {
      const [, path] = /^test -[es] (\S+)$/.exec(test) ?? [];
      if (path !== undefined) files.add(path);
    }
  }
  // A path that is a folder of another one's is there with that.
  const all = [...files];
  return { work, files: all.filter((one) => !all.some((other) => other.startsWith(`${one}/`))) };
}

const folder = mkdtempSync(join(tmpdir(), 'planwright-bench-'));
const keys = { OPENAI_API_KEY: 'none', CODEX_API_KEY: 'none' };
const ours = new Planwright(join(folder, 'home'), keys);
const { work, files } = readSet();
const serial = Object.values(work).reduce((sum, { seconds }) => sum + seconds, 0);
// Writes a line to a file it may, after a time that follows from its name. A shell, so that it costs next to nothing itself.
const wrapper = join(folder, 'tool');
const cases = Object.entries(work).map(
  ([id, { file, seconds }]) => `${id}) sleep ${seconds}; echo ${id} >> '${file}' ;;`,
);
const script = ['#!/bin/sh', 'case $PLANWRIGHT_STEP_ID in', ...cases, 'esac', ''].join('\n');
writeFileSync(wrapper, script, { mode: 0o755 });
const config = join(folder, 'config.json');
writeFileSync(
  config,
  JSON.stringify({
    tools: { aider: { executable: wrapper }, codex: { executable: wrapper } },
    gates: [{ name: 'sound', command: 'test -d .', timeout_seconds: 60 }],
  }),
);

/** A repository with all files that the set names, for one run. */
function repository(name: string): string {
  const path = join(folder, name);
  for (const file of files) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), 'begin\n');
  }
  cpSync(SET, join(path, 'workstreams'), { recursive: true });
  const git = (...args: string[]): void =>
    void execFileSync('git', ['-c', 'user.name=B', '-c', 'user.email=b@example.invalid', ...args], {
      cwd: path,
    });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '--message=begin');
  return path;
}

try {
  console.log(`${Object.keys(work).length} workstreams, the tool alone one after the other: ${serial} s`);
  await ours.command('up');
  for (const workers of [3, 8]) {
    const root = repository(`with-${workers}`);
    const options = ['--root', root, '--config', config, '--max-workers', String(workers)];
    const before = workerSec(ours.home);
    const { seconds } = await ours.command('workstream', 'run', ...options);
    const report = JSON.parse(
      (await ours.command('workstream', 'report', 'last', '--json')).output,
    ) as SetReport;
    const landed = report.workstreams.filter(({ patch }) => patch?.state === 'committed').length;
    const worked = Math.max(...report.workstreams.map(({ endedAt }) => endedAt ?? 0)) - report.startedAt;
    console.log(
      `${workers} workers: ${seconds.toFixed(1)} s, ${(serial / seconds).toFixed(2)} times as quick; ` +
        `processor time of the worker ${(workerSec(ours.home) - before).toFixed(1)} s; ` +
        `${(worked / 1000).toFixed(1)} s until the last tool had ended; ${landed} landed`,
    );
    for (const one of report.workstreams) {
      if (one.patch?.state !== 'committed')
        console.log(`  ${one.id}: ${one.reason ?? one.patch?.reason ?? one.state}`);
    }
  }
} finally {
  await ours.command('down', '--force').catch((error: unknown) => console.error(error));
  rmSync(folder, { recursive: true, force: true });
}
