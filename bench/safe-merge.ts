/**
 * What a safe merge costs on large repositories: `node scripts/run-ts.mjs bench/safe-merge.ts [files …]`.
 *
 * A clean merge of two diverged branches, by the tools in the order of the plan, beside plain
 * `git fetch && git merge && git push` on an equal clone, in turns in the same run. Without the engine around them: what
 * that costs is what `npm run bench` measures. Default: 20,000 and 200,000 files.
 *
 * Each comes by the clock and by the processor: the clock is the one that people wait by, and says little on a machine
 * that has other work.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleMerge } from '../scripts/bundle-merge.mjs';
import { packageRoot } from '../src/package.js';

const STEPS = [
  ...[
    'env_scan',
    'sync_health_check',
    'nested_repos_detect',
    'nested_repos_normalize',
    'file_classification',
  ],
  ...['git_fetch', 'git_merge', 'timestamp_resolver', 'ai_conflict_resolver', 'merge_gate', 'guarded_push'],
  'emit_success_event',
] as const;

// Built here: nobody rebuilds it while it is measured.
const built = mkdtempSync(join(tmpdir(), 'planwright-bench-tools-'));
process.on('exit', () => rmSync(built, { recursive: true, force: true }));
await bundleMerge(join(packageRoot(), 'src'), join(built, 'dist/bundle/merge'));
for (const part of ['bin/steps', 'config', 'package.json']) {
  cpSync(join(packageRoot(), part), join(built, part), { recursive: true });
}

const sizes = process.argv.slice(2).map(Number).filter(Boolean);
const ROUNDS = 3;

const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();

interface Taken {
  /** Seconds by the clock. */
  readonly clock: number;
  /** Seconds of processor time, of all that was started. */
  readonly processor: number;
}

const taken = async (work: () => unknown): Promise<Taken> => {
  const [start, before] = [performance.now(), ofChildren()];
  await work();
  return { clock: (performance.now() - start) / 1000, processor: ofChildren() - before };
};

/** Processor time of all processes that this one has started and seen the end of, theirs included. */
function ofChildren(): number {
  try {
    const [, rest = ''] = readFileSync('/proc/self/stat', 'utf8').split(') ');
    const [user, system] = rest.split(' ').slice(13, 15).map(Number);
    return ((user ?? 0) + (system ?? 0)) / 100; // in ticks, which Linux has shown as hundredths for ever
  } catch {
    return 0; // no Linux
  }
}

/** A bare repository with so many small files in directories of a hundred. */
function generate(folder: string, files: number): string {
  const remote = join(folder, 'remote.git');
  git(folder, 'init', '--quiet', '--bare', '--initial-branch=main', remote);
  const lines: string[] = [
    'commit refs/heads/main',
    'committer Bench <bench@example.invalid> 1700000000 +0000',
    'data 5',
    'base',
    '',
  ];
  const endings = ['ts', 'py', 'md', 'json', 'png', 'txt'];
  for (let at = 0; at < files; at += 1) {
    const path = `src/part${Math.floor(at / 10_000)}/dir${Math.floor(at / 100) % 100}/file${at}.${endings[at % endings.length]}`;
    const content = `line one of ${at}\nline two\nline three\n`;
    lines.push(`M 100644 inline ${path}`, `data ${content.length}`, content);
  }
  execFileSync('git', ['fast-import', '--quiet'], { cwd: remote, input: `${lines.join('\n')}\n` });
  return remote;
}

/** A clone of its own remote, whose branch has parted from it. */
function parted(folder: string, remote: string, name: string): string {
  const own = join(folder, `${name}.git`);
  git(folder, 'clone', '--quiet', '--bare', remote, own);
  const clone = join(folder, name);
  git(folder, 'clone', '--quiet', own, clone);
  for (const [key, value] of Object.entries({ 'user.name': 'Bench', 'user.email': 'bench@example.invalid' }))
    git(clone, 'config', key, value);
  part(clone, own, 0);
  return clone;
}

/** Commits ten files on either side. */
function part(clone: string, remote: string, round: number): void {
  const change = (cwd: string, ref: string, side: string): void => {
    const rows = Array.from({ length: 10 }, (_, at) => {
      const text = `${side} ${round} ${at}\n`;
      return `M 100644 inline changed/${side}${at}.txt\ndata ${text.length}\n${text}`;
    });
    const from = git(cwd, 'rev-parse', ref);
    const head = `commit ${ref}\ncommitter ${side} <${side}@example.invalid> ${1_700_000_100 + round} +0000\ndata 5\nparts\nfrom ${from}`;
    execFileSync('git', ['fast-import', '--quiet'], { cwd, input: `${head}\n${rows.join('\n')}\n` });
  };
  change(remote, 'refs/heads/main', 'theirs');
  change(clone, 'refs/heads/main', 'mine');
  git(clone, 'reset', '--quiet', '--hard');
}

interface Cost extends Taken {
  readonly peakMb: number;
}

/** Runs one tool, and watches how much memory it takes at most. */
async function step(name: string, clone: string, run: string): Promise<Cost> {
  let peakMb = 0;
  const cost = await taken(async () => {
    peakMb = await ran(name, clone, run);
  });
  return { ...cost, peakMb };
}

async function ran(name: string, clone: string, run: string): Promise<number> {
  const child = spawn(join(built, 'bin/steps/planwright-merge'), [name], {
    cwd: clone,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PLANWRIGHT_RUN_ID: run },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += String(chunk)));
  let peakMb = 0;
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // it has ended, or this is no Linux
    }
  }, 10);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${name} ended with ${String(code)}: ${said}`);
  return peakMb;
}

async function byTools(clone: string, run: string): Promise<{ total: Taken; costs: Map<string, Cost> }> {
  const costs = new Map<string, Cost>();
  const total = await taken(async () => {
    for (const name of STEPS) costs.set(name, await step(name, clone, run));
  });
  return { total, costs };
}

const byGit = (clone: string): Promise<Taken> =>
  taken(() => {
    git(clone, 'fetch', '--quiet', 'origin', 'main');
    git(clone, 'merge', '--quiet', '--no-edit', '--no-ff', 'origin/main');
    git(clone, 'push', '--quiet', 'origin', 'main');
  });

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const shown = (value: number): string => value.toFixed(2).padStart(6);

for (const files of sizes.length > 0 ? sizes : [20_000, 200_000]) {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-bench-merge-'));
  try {
    const remote = generate(folder, files);
    const [ours, plain] = [parted(folder, remote, 'tools'), parted(folder, remote, 'plain')];
    const rounds: { readonly tools: Taken; readonly git: Taken }[] = [];
    let costs = new Map<string, Cost>();
    for (let round = 1; round <= ROUNDS; round += 1) {
      const ran = await byTools(ours, `bench-${round}`);
      costs = ran.costs;
      rounds.push({ tools: ran.total, git: await byGit(plain) });
      if (git(ours, 'rev-parse', 'main^{tree}') !== git(plain, 'rev-parse', 'main^{tree}'))
        throw new Error('the two merges differ');
      part(ours, `${ours}.git`, round);
      part(plain, `${plain}.git`, round);
    }
    console.log(`${files} files, medians of ${ROUNDS} rounds; aim: at most 2 × git + 1.5 s`);
    for (const by of ['clock', 'processor'] as const) {
      const [tools, bare] = [
        median(rounds.map((one) => one.tools[by])),
        median(rounds.map((one) => one.git[by])),
      ];
      const aim = 2 * bare + 1.5;
      console.log(
        `  by the ${by.padEnd(9)}  tools ${shown(tools)} s  git ${shown(bare)} s  aim ${shown(aim)} s  ${tools <= aim ? 'reached' : `missed by ${(tools - aim).toFixed(2)} s`}`,
      );
    }
    for (const name of STEPS) {
      const { clock, processor, peakMb } = costs.get(name) ?? { clock: 0, processor: 0, peakMb: 0 };
      console.log(
        `  ${name.padEnd(24)} clock ${shown(clock)} s  processor ${shown(processor)} s  peak ${peakMb.toFixed(0).padStart(4)} MB`,
      );
    }
    const report = join(ours, '.git/planwright/safe_merge', `bench-${ROUNDS}`, 'file_classes.json');
    console.log(`  report of file_classification: ${(statSync(report).size / 1e6).toFixed(1)} MB`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
