import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { appendEvent, eventOf, isLogged } from '../../../src/tools/safe-merge/events.js';
import { root } from '../../checkout.js';
import { clonesIn, newRepo, sandbox } from '../git/support/sandbox.js';
import { drive } from './support/driver.js';
import { tool } from './support/program.js';

const box = sandbox();
const EVENTS = '.git/planwright/safe_merge/merge_events.jsonl';

const event = (run: string, size = 0) =>
  eventOf(
    {
      run,
      branch: 'main',
      phase_id: 6,
      phase_name: 'p',
      step: 'emit_success_event',
      status: 'success',
      reason_code: '',
      details: { text: 'x'.repeat(size) },
      invoker: 'human',
    },
    Date.now(),
  );

const linesOf = (file: string): unknown[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

test('a run that succeeds leaves a line for each phase, and a last one that says what it came to', async () => {
  const { mine, theirs, remote } = clonesIn(box.folder());
  theirs.commit('theirs', { 't.txt': 't\n' });
  theirs.git('push', '--quiet');
  mine.commit('mine', { 'm.txt': 'm\n' });
  const outcome = await drive({ root: mine.path });
  const lines = linesOf(join(mine.path, EVENTS)) as { phase_id: number; details: { seconds: number } }[];
  const phases = lines.slice(0, -1);
  expect(phases.map((line) => line.phase_id)).toEqual([0, 1, 2, 3, 4, 5]);
  for (const line of phases) {
    expect(line).toMatchObject({ status: 'success', reason_code: '', run: outcome.runId });
    expect(line.details.seconds).toBeGreaterThanOrEqual(0);
  }
  expect(phases[5]).toMatchObject({ details: { lock: { waited_ms: expect.any(Number) as number } } });
  expect(lines.slice(-1)).toEqual([
    {
      timestamp: expect.stringMatching(/Z$/) as string,
      run: outcome.runId,
      branch: 'main',
      phase_id: 6,
      phase_name: 'metrics_and_event_append',
      step: 'emit_success_event',
      status: 'success',
      reason_code: '',
      details: expect.objectContaining({
        action: 'merged',
        commit: remote.git('rev-parse', 'main'),
        pushed: true,
      }) as object,
      invoker: 'human',
      host: expect.any(String) as string,
    },
  ]);
});

test('a run that is stopped leaves one line with its reason', async () => {
  const { mine } = clonesIn(box.folder());
  mine.write({ 'new.txt': 'n\n' });
  await drive({ root: mine.path });
  expect(linesOf(join(mine.path, EVENTS))).toMatchObject([
    { status: 'failed', step: 'env_scan', reason_code: 'env_scan_failed' },
  ]);
});

test('called again for the same run it writes nothing; for the next run it does', async () => {
  const { mine } = clonesIn(box.folder());
  const emit = (run: string) => tool(mine.path, ['emit_success_event', '--run', run]);
  const last = (): unknown[] =>
    (linesOf(join(mine.path, EVENTS)) as { step: string }[]).filter(
      ({ step }) => step === 'emit_success_event',
    );
  for (const run of ['r1', 'r1', 'r2']) {
    if (run === 'r2') await tool(mine.path, ['env_scan', '--run', run]);
    expect((await emit(run)).code).toBe(0);
  }
  expect(last()).toMatchObject([{ run: 'r1' }, { run: 'r2' }]);
});

test('many processes at once write whole lines', async () => {
  const file = join(box.folder(), 'events.jsonl');
  const program = join(box.folder(), 'writer.mjs');
  buildSync({
    stdin: {
      contents: `import { appendEvent } from ${JSON.stringify(join(root, 'src/tools/safe-merge/events.ts'))};
        const event = JSON.parse(process.argv[2]);
        for (let n = 0; n < 30; n += 1) await appendEvent(${JSON.stringify(file)}, { ...event, phase_id: n });`,
      resolveDir: root,
      loader: 'ts',
    },
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
  const writers = ['a', 'b', 'c', 'd'].map(async (run) => {
    const child = spawn(process.execPath, [program, JSON.stringify(event(run, 20_000))], {
      stdio: 'inherit',
    });
    expect((await once(child, 'exit'))[0]).toBe(0);
  });
  await Promise.all(writers);
  const lines = linesOf(file) as { run: string; phase_id: number }[];
  expect(lines).toHaveLength(120);
  for (const run of ['a', 'b', 'c', 'd']) {
    expect(lines.filter((line) => line.run === run).map((line) => line.phase_id)).toEqual([
      ...Array(30).keys(),
    ]);
  }
});

test('a line that was cut short does not spoil the next', async () => {
  const file = join(box.folder(), 'events.jsonl');
  writeFileSync(file, '{"run":"old"}\n{"run":"cut');
  await appendEvent(file, event('new'));
  const lines = readFileSync(file, 'utf8').split('\n');
  expect(lines).toHaveLength(4);
  expect(JSON.parse(lines[2] ?? '')).toMatchObject({ run: 'new' });
  expect(await isLogged(file, event('new'))).toBe(true);
  expect(await isLogged(file, event('other'))).toBe(false);
});

describe('emit_success_event', () => {
  const repo = (): string => {
    const made = newRepo(join(box.folder(), 'repo'));
    made.commit('base', { 'a.txt': 'a\n' });
    return made.path;
  };

  test('takes details as JSON, and any other text as it is', async () => {
    const path = repo();
    const file = join(box.folder(), 'e.jsonl');
    for (const details of ['{"a":1}', 'no JSON', '[1]']) {
      await tool(path, ['emit_success_event', '--events-file', file, '--details', details]);
    }
    expect(linesOf(file)).toMatchObject([
      { details: { a: 1 } },
      { details: { raw: 'no JSON' } },
      { details: { raw: '[1]' } },
    ]);
  });

  test('knows who started it, or is told', async () => {
    const path = repo();
    const file = join(box.folder(), 'e.jsonl');
    await tool(path, ['emit_success_event', '--events-file', file], { CI: 'true' });
    await tool(path, ['emit_success_event', '--events-file', file, '--invoker', 'ai']);
    expect(linesOf(file)).toMatchObject([{ invoker: 'ci' }, { invoker: 'ai' }]);
  });

  test('fails nothing when it cannot write, but says so', async () => {
    const path = repo();
    const ran = await tool(path, [
      'emit_success_event',
      '--events-file',
      join(path, 'a.txt/e.jsonl'),
      '--json',
    ]);
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining('metrics_emit_failed')]);
    expect(JSON.parse(ran.stdout)).toMatchObject({ reason_code: 'metrics_emit_failed' });
  });

  test.each(['--status=done', '--invoker=me', '--phase-id=x'])('%s is refused', async (option) => {
    expect((await tool(repo(), ['emit_success_event', option])).code).toBe(2);
  });
});
