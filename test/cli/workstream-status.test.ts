/**
 * Statuses that people note.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { aWorld } from './a-world.js';
import type { Answer } from './a-shop.js';

let repository: string;
let file: string;
beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'planwright-status-'));
  file = join(repository, 'state', 'workstream_status.json');
  mkdirSync(join(repository, 'workstreams'));
  for (const id of ['ws-search', 'ws-store', 'ws-docs']) {
    const rest = { openspec_change: 'X', ccpm_issue: 1, gate: 1, tool: 'aider', files_scope: [`${id}/`] };
    writeFileSync(
      join(repository, 'workstreams', `${id}.json`),
      JSON.stringify({ id, tasks: [`Do ${id}`], ...rest }),
    );
  }
});
afterEach(() => rmSync(repository, { recursive: true, force: true }));

async function status(...argv: string[]): Promise<Answer> {
  const world = aWorld({
    env: { PLANWRIGHT_HOME: join(repository, 'home'), NO_COLOR: '1', LANG: 'C.UTF-8' },
    cwd: repository,
  });
  const code = await main(['workstream', 'status', ...argv], world);
  return { code, out: world.out.text(), err: world.err.text() };
}

const rows = async () =>
  (JSON.parse((await status('--json')).out) as { workstreams: { id: string; status: string }[] }).workstreams;

test('what is noted is reported, with who and when, and kept as history', async () => {
  expect(await status('--update', 'ws-sea', 'in_progress', 'Jo is at it')).toMatchObject({
    code: 0,
    out: 'ws-search is in_progress: Jo is at it\n',
  });
  expect((await status('--update', 'ws-search', 'completed', 'merged')).code).toBe(0);
  const report = await status('--report');
  expect(report.code, report.err).toBe(0);
  expect(report.out).toMatch(/ws-search +completed +merged +by hand, 20\d\d-/);
  expect(report.out).toMatch(/ws-docs +not_started +Do ws-docs\n/);
  expect(report.out).toContain('2 not_started, 1 completed');
  const history = await status('--history', 'ws-search');
  expect(history.out).toMatch(
    /not_started → in_progress {2}Jo is at it {2}\S+@\S+\n.*in_progress → completed {2}merged/,
  );
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    'ws-search': { status: 'completed', message: 'merged', history: [{ status: 'in_progress' }] },
  });
});

test('notes of many at once are all kept', async () => {
  const ids = ['ws-search', 'ws-store', 'ws-docs'];
  const all = Array.from({ length: 12 }, (_, at) => status('--update', ids[at % 3]!, 'manual', `note ${at}`));
  expect((await Promise.all(all)).map(({ code }) => code)).toEqual(Array(12).fill(0));
  const noted = JSON.parse((await status('--history', '--json')).out) as { message: string }[];
  expect(noted.map(({ message }) => message).sort()).toEqual(
    Array.from({ length: 12 }, (_, at) => `note ${at}`).sort(),
  );
});

test('an unknown status, an unknown workstream and too few words are refused, and nothing is written', async () => {
  const wrong = await status('--update', 'ws-search', 'done', 'x');
  expect([wrong.code, wrong.err]).toEqual([
    2,
    expect.stringContaining('it is one of: not_started, in_progress'),
  ]);
  const slip = await status('--update', 'ws-serch', 'completed', 'x');
  expect([slip.code, slip.err]).toEqual([2, expect.stringContaining('did you mean "ws-search"')]);
  expect((await status('--update', 'ws-s', 'completed', 'x')).err).toContain('2 begin like it');
  const few = await status('--update', 'ws-search', 'completed');
  expect([few.code, few.err]).toEqual([2, expect.stringContaining('needs three words')]);
  const nothing = await status();
  expect([nothing.code, nothing.err]).toEqual([2, expect.stringContaining('--report')]);
  expect(existsSync(file)).toBe(false);
});

test('a file that is none of statuses is left as it is', async () => {
  mkdirSync(join(repository, 'state'));
  writeFileSync(file, '<<<<<<< ours\n');
  const { code, err } = await status('--update', 'ws-search', 'completed', 'x');
  expect([code, err]).toEqual([2, expect.stringContaining('is no file of statuses')]);
  expect(readFileSync(file, 'utf8')).toBe('<<<<<<< ours\n');
});

test('--output writes the report, without colours', async () => {
  expect(await status('--output', 'out/report.txt')).toMatchObject({ code: 0 });
  expect(readFileSync(join(repository, 'out', 'report.txt'), 'utf8')).toMatch(/ws-docs +not_started/);
  await status('--output', 'out/report.json', '--json');
  expect(JSON.parse(readFileSync(join(repository, 'out', 'report.json'), 'utf8'))).toMatchObject({
    summary: { not_started: 3 },
  });
  const slip = await status('--output', '/nonexistent/report.txt');
  expect([slip.code, slip.out, slip.err]).toEqual([
    2,
    '',
    expect.stringContaining('there is no folder "/nonexistent"'),
  ]);
});

const reference = process.env['PLANWRIGHT_REFERENCE_DATA'] ?? '';
test.skipIf(reference === '')(
  'the file that the older tools left is read, and its other keys are kept',
  async () => {
    cpSync(join(reference, 'later', 'state'), join(repository, 'state'), { recursive: true });
    const before = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect((await rows()).filter((one) => one.status === 'completed')).toHaveLength(5);
    expect((await status('--update', 'ws-next-002', 'in_progress', 'again')).code).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ doc_id: before['doc_id'] });
  },
);
