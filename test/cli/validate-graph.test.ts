import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { main } from '../../src/cli/main.js';
import { dotOf, mermaidOf, textOf } from '../../src/cli/drawing.js';
import { paintFor } from '../../src/cli/paint.js';
import type { StepKind } from '../../src/plan/record.js';
import { root } from '../checkout.js';
import { aPlan, aStep } from '../plan/a-record.js';
import { aWorld } from './a-world.js';

const folder = mkdtempSync(join(tmpdir(), 'planwright-graph-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const world = aWorld({ env: { PLANWRIGHT_HOME: join(folder, 'home') }, cwd: root });
  const code = await main(argv, world);
  return { code, out: world.out.text(), err: world.err.text() };
}

test('a good plan is summed up by its levels', async () => {
  expect(await run('validate', 'plans/test_simple.json')).toEqual({
    code: 0,
    out: '✔ PLAN-TEST-SIMPLE 1.0: 4 steps, at most 2 at once, 3 levels\n  1  step1\n  2  step2, step3\n  3  step4\n',
    err: '',
  });
  expect(JSON.parse((await run('validate', 'plans/test_simple.json', '--json')).out)).toEqual({
    ok: true,
    plan_id: 'PLAN-TEST-SIMPLE',
    steps: 4,
    max_concurrency: 2,
    levels: [['step1'], ['step2', 'step3'], ['step4']],
    problems: [],
  });
});

test('of a bad plan every problem is told, as text and as data', async () => {
  const file = join(folder, 'bad.json');
  writeFileSync(
    file,
    '{"plan_id":"P","version":"1","globals":{},\n"steps":[{"id":"a","name":"A","command":"x","args":["${NO}"],"retrys":1,"depends_on":["a"]}]}',
  );
  const text = await run('validate', file);
  expect([text.code, text.out]).toEqual([2, `✖ ${file}: 1 error\n`]);
  expect(text.err).toMatch(/bad\.json:2:\d+: error: .*a → a/);
  expect(text.err).toMatch(/bad\.json:2:\d+: warning: .*"retrys" is ignored; did you mean "retry"\?/);
  const json = JSON.parse((await run('validate', file, '--json')).out) as {
    ok: boolean;
    problems: { line: number; code: string }[];
  };
  expect(json.ok).toBe(false);
  expect(json.problems.map(({ line, code }) => `${line} ${code}`).sort()).toEqual([
    '2 cycle',
    '2 unknown-key',
    '2 unresolved-variable',
  ]);
  expect((await run('validate', file, '--strict')).out).toContain('2 errors');
});

const [build, patch] = [
  aStep('build', ['a'], { name: 'Build it' }),
  aStep('patch', [], { name: 'Patch it' }),
];
const plan = aPlan([
  aStep('a', [], { name: 'Fetch' }),
  { ...build, onFailure: { kind: 'fallback', step: patch.id } },
  patch,
  aStep('ask', ['build'], { name: 'Ask', work: { kind: 'approval', message: 'ok?' } }),
]);
const paint = paintFor({ LANG: 'C.UTF-8' }, { isTerminal: false });

test('a graph as text goes from level to level', () => {
  expect(textOf({ plan, states: null }, 80, paint)).toEqual([
    'PLAN-A 1.0: 4 steps, at most 2 at once, 3 levels',
    '',
    ' 1  a      Fetch',
    ' 2  build  Build it  ← a  else patch',
    ' 3  patch  Patch it',
    '    ask    Ask  ← build',
  ]);
  const states = new Map<string, StepKind>([
    ['a', 'succeeded'],
    ['build', 'failed'],
    ['patch', 'running'],
    ['ask', 'pending'],
  ]);
  expect(textOf({ plan, states }, 80, paint).slice(2, 5)).toEqual([
    ' 1  ✔ a      Fetch',
    ' 2  ✖ build  Build it  ← a  else patch',
    ' 3  ▶ patch  Patch it',
  ]);
});

test('a graph for Mermaid and for Graphviz has every step and every edge', () => {
  expect(mermaidOf({ plan, states: new Map<string, StepKind>([['a', 'failed']]) })).toEqual([
    'flowchart TD',
    '  s0["a<br/>Fetch"]:::failed',
    '  s1["build<br/>Build it"]',
    '  s2["patch<br/>Patch it"]',
    '  s3{{"ask<br/>Ask"}}',
    '  s0 --> s1',
    '  s1 --> s3',
    '  s1 -. else .-> s2',
    '  classDef failed fill:#fadbd8,stroke:#cb4335,color:#78281f',
  ]);
  expect(dotOf({ plan, states: null })).toEqual([
    'digraph "PLAN-A" {',
    '  node [shape=box, style=rounded];',
    '  "a" [label="a: Fetch"];',
    '  "build" [label="build: Build it"];',
    '  "patch" [label="patch: Patch it"];',
    '  "ask" [label="ask: Ask", shape=hexagon];',
    '  "a" -> "build";',
    '  "build" -> "ask";',
    '  "build" -> "patch" [style=dashed, label="else"];',
    '}',
  ]);
});

test('a name cannot end the label it stands in', () => {
  const name = 'a"];\nevil[label="x"] \\" <b>';
  const hostile = aPlan([aStep('a', [], { name })]);
  expect(dotOf({ plan: hostile, states: null })[2]).toBe(
    '  "a" [label="a: a\\"]; evil[label=\\"x\\"] \\\\\\" <b>"];',
  );
  const label = /^ {2}s0\["a<br\/>(.*)"\]$/.exec(mermaidOf({ plan: hostile, states: null })[1]!)?.[1];
  expect(label).not.toMatch(/["[\]<>\\]/);
});

test('graph takes one form at a time', async () => {
  expect(await run('graph', 'plans/test_simple.json', '--dot', '--json')).toMatchObject({ code: 2 });
  const { out } = await run('graph', 'plans/test_simple.json', '--json');
  expect(JSON.parse(out)).toMatchObject({ levels: [['step1'], ['step2', 'step3'], ['step4']] });
});
