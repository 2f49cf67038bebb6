/**
 * A set whose workstreams are done by the real aider and codex: from the command line to the branch.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SetReport } from '../../src/workstream/report/report.js';
import { openShop } from '../cli/a-shop.js';
import { startModel, type ModelReply } from './model-server.js';
import { KEY, REAL_TOOLS } from './programs.js';

const isWhole = REAL_TOOLS.every(({ program }) => program !== undefined);

test.skipIf(!isWhole)(
  'aider and codex each write a file; both land through the gate, with what they cost',
  async () => {
    const done: ModelReply = { kind: 'text', text: 'It is done.' };
    const asked = new Set<string>();
    const model = await startModel(({ path, body }) => {
      const real = REAL_TOOLS.find(({ name }) => (name === 'codex') === path.endsWith('/responses'))!;
      if (!real.heard(body).includes('Write the file')) return done; // aider asks for a word on its commit, or the like
      if (asked.has(real.name)) return done;
      asked.add(real.name);
      return real.writes(`src/${real.name}.txt`, `by ${real.name}`);
    });
    const shop = await openShop(
      Object.assign({}, ...REAL_TOOLS.map(({ env }) => env(model.url))) as NodeJS.ProcessEnv,
    );
    try {
      const repository = join(shop.folder, 'repository');
      mkdirSync(join(repository, 'workstreams'), { recursive: true });
      mkdirSync(join(repository, 'src'));
      const git = (...args: string[]): string =>
        execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim();
      git('init', '-q', '-b', 'main');
      git('config', 'user.name', 'T');
      git('config', 'user.email', 't@example.org');
      writeFileSync(join(repository, 'src/one.txt'), 'one\n');
      for (const { name } of REAL_TOOLS) {
        const bundle = {
          ...{ id: `ws-${name}`, openspec_change: 'X', ccpm_issue: 1, gate: 1, tool: name, depends_on: [] },
          ...{ tasks: [`Write the file src/${name}.txt`], files_scope: ['src/'] },
          acceptance_tests: [`grep -qx "by ${name}" src/${name}.txt`],
        };
        writeFileSync(join(repository, 'workstreams', `ws-${name}.json`), JSON.stringify(bundle));
      }
      git('add', '-A');
      git('commit', '-qm', 'begin');
      const config = join(shop.folder, 'config.json');
      const settings = {
        execution: { max_workers: 2, default_tool: 'aider' },
        tools: Object.fromEntries(REAL_TOOLS.map((real) => [real.name, real.settings(model.url)])),
        gates: [{ name: 'sound', command: 'test -e src/one.txt', timeout_seconds: 60 }],
      };
      writeFileSync(config, JSON.stringify(settings));
      const { code, out, err } = await shop.run(
        'workstream',
        'run',
        '--root',
        repository,
        '--config',
        config,
      );
      expect(code, `${out}\n${err}`).toBe(0);
      for (const { name } of REAL_TOOLS) {
        expect(readFileSync(join(repository, 'src', `${name}.txt`), 'utf8')).toBe(`by ${name}\n`);
      }
      expect(git('log', '--format=%B', '-2')).toMatch(
        /Planwright-Gate: sound passed|Planwright-Gate: .*sound.*passed/,
      );
      const report = JSON.parse((await shop.run('workstream', 'report', 'last', '--json')).out) as SetReport;
      const costs = Object.fromEntries(report.workstreams.map(({ id, costUsd }) => [id, costUsd]));
      expect(costs['ws-aider']).toBeGreaterThan(0);
      expect(report.workstreams.map(({ patch }) => patch?.state)).toEqual(['committed', 'committed']);
      expect(`${out}${err}`).not.toContain(KEY);
    } finally {
      await shop.close();
      await model.close();
    }
  },
  400_000,
);
