/**
 * A host killed in the middle of a workstream whose policy is `continue`: another host goes on, by what the server kept.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureServer } from '../../src/server/embedded.js';
import { openShop, type Shop } from '../cli/a-shop.js';
import { root } from '../checkout.js';
import { until } from '../support/processes.js';

const TOOL = `#!/bin/sh
if [ -z "$PLANWRIGHT_GOES_ON" ]; then echo half > cut.txt; exec sleep 3600; fi
grep -q "cut.txt" "$PLANWRIGHT_PROMPT_FILE" && echo whole >> cut.txt
`;

let shop: Shop;
const hosts: ChildProcess[] = [];
beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => {
  for (const host of hosts) if (host.exitCode === null && host.signalCode === null) await kill(host);
  await shop.close();
});

async function kill(host: ChildProcess): Promise<void> {
  host.kill('SIGKILL');
  await once(host, 'exit');
}

/** A worker with a state directory of its own, that takes steps which ask for "far". */
async function openHost(name: string): Promise<ChildProcess> {
  const { address } = await ensureServer(shop.home);
  const home = join(shop.folder, name);
  const { PATH } = shop.home.env;
  const env = { ...shop.home.env, PLANWRIGHT_HOME: home, PLANWRIGHT_HOST: name };
  const host = spawn(process.execPath, [join(root, 'test/worker/run-worker.mjs'), home, address, 'far'], {
    env: {
      ...env,
      PATH: `${join(shop.folder, 'bin')}${delimiter}${PATH ?? ''}`,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  hosts.push(host);
  const lines: string[] = [];
  createInterface({ input: host.stdout }).on('line', (line) => lines.push(line));
  await until(`"${name}" asks for tasks`, () => lines.includes('polling'));
  return host;
}

const hasCheckpoint = (folder: string): boolean =>
  existsSync(folder) &&
  readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith('.checkpoint'));

test('its work is continued on a host with another state directory', async () => {
  mkdirSync(join(shop.folder, 'bin'));
  writeFileSync(join(shop.folder, 'bin', 'cut-tool'), TOOL);
  chmodSync(join(shop.folder, 'bin', 'cut-tool'), 0o755);
  const repository = join(shop.folder, 'repository');
  mkdirSync(repository);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=T', '-c', 'user.email=t@example.org', ...args], {
      encoding: 'utf8',
    });
  git('init', '-q');
  git('commit', '-q', '--allow-empty', '-m', 'begin');
  const plan = shop.plan('cut', [
    {
      ...{ id: 'ws-cut', uses: 'workstream', runs_on: 'far', command: undefined, args: undefined },
      with: {
        ...{ prompt: 'Write it.', tool: 'cut-tool', files_scope: ['cut.txt'] },
        ...{ on_worker_lost: 'continue', checkpoint_sec: 1 },
      },
    },
  ]);
  const first = await openHost('far-1');
  const running = shop.begin(['start', plan, '--root', repository]);
  const kept = join(repository, '.git/planwright/checkpoints');
  await until('something was kept', () => hasCheckpoint(kept));
  await openHost('far-2');
  await kill(first);
  const { code, out, err } = await running.done;
  expect(code, `${out}\n${err}`).toBe(0);
  const { steps } = JSON.parse((await shop.run('show', 'last', '--json')).out) as {
    steps: { outputs: { patch: { commit: string }; notes: string[]; worker: string } }[];
  };
  const { patch, notes, worker } = steps[0]!.outputs;
  expect([worker, git('show', `${patch.commit}:cut.txt`)]).toEqual(['far-2', 'half\nwhole\n']);
  expect(notes.join()).toContain('went on from a start that was lost on "far-1": 1 file');
});
