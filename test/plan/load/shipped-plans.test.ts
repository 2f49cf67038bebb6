import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { levelsOf, graphOf } from '../../../src/plan/graph.js';
import { formatProblem } from '../../../src/plan/load/diagnostics.js';
import { loadPlan } from '../../../src/plan/load/load-plan.js';
import { commandOf, loaded, planWith, projectFile, step } from './loading.js';

const plans = join(import.meta.dirname, '../../../plans');
const readText = (path: string): string => readFileSync(path, 'utf8');
const shipped = readdirSync(plans).filter((name) => /\.(json|ya?ml)$/.test(name));

/** What must be given: templates do nothing without it. */
function neededBy(path: string): Record<string, string> {
  const { variables = {} } = parse(readText(path)) as { variables?: Record<string, { required?: boolean }> };
  const needed = Object.entries(variables).filter(([, { required }]) => required === true);
  return Object.fromEntries(needed.map(([name]) => [name, 'some']));
}

describe('every plan in plans/', () => {
  test.each(shipped)('%s loads without a word, and names its schema', async (name) => {
    const path = join(plans, name);
    const { plan, problems } = await loadPlan({ path, readText, variables: neededBy(path) });
    expect(problems.map(formatProblem)).toEqual([]);
    expect(plan).not.toBeNull();
    expect(readText(join(plans, name))).toContain('../schema/plan.schema.json');
  });

  test.each(shipped)('%s is named in the guide', (name) => {
    if (name === 'safe_merge.json') return; // it has a page of its own
    expect(readText(join(plans, 'README.md'))).toContain(`(${name})`);
  });
});

test('test_simple.json is one step, two side by side, and one that waits for both', async () => {
  const { plan } = await loadPlan({ path: join(plans, 'test_simple.json'), readText });
  const graph = graphOf(plan!.steps);
  expect(levelsOf(graph).map((level) => level.map((index) => plan!.steps[index]!.id))).toEqual([
    ['step1'],
    ['step2', 'step3'],
    ['step4'],
  ]);
  expect(plan!.maxConcurrency).toBe(2);
  for (const made of plan!.steps) expect(commandOf(made).command).toBe('node');
});

describe('the guide', () => {
  const guide = projectFile('plans', 'README.md');
  const { definitions, properties } = JSON.parse(projectFile('schema', 'plan.schema.json')) as {
    definitions: Record<string, { properties: Record<string, { properties?: object }> }>;
    properties: Record<string, { properties?: object; additionalProperties?: { properties?: object } }>;
  };
  const fields = [
    ...Object.keys(properties),
    ...Object.keys(properties['globals']!.properties!),
    ...Object.keys(properties['variables']!.additionalProperties!.properties!),
    ...Object.values(definitions).flatMap((definition) => Object.keys(definition.properties)),
    ...Object.keys(definitions['commandStep']!.properties['retry']!.properties!),
  ];

  test.each([...new Set(fields)])('says what %s is', (field) => {
    expect(guide).toMatch(new RegExp(`(\`|")${field.replace('$', '\\$')}(\`|")`));
  });

  test('has examples of JSON that load', async () => {
    const blocks = [...guide.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => match[1]!);
    const whole = blocks
      .filter((block) => block.startsWith('{') && !block.includes('…'))
      .map((block) => JSON.parse(block) as Record<string, unknown>);
    expect(whole.length).toBeGreaterThanOrEqual(4);
    for (const example of whole) {
      const files = {
        'deploy.json': planWith([step('x')], { variables: { HOST: {} } }),
        'round.json': planWith([step('check')], { variables: { ROUND: { type: 'integer' } } }),
        'test_fix_verify.json': projectFile('plans', 'test_fix_verify.json'),
        'test_fix_round.json': projectFile('plans', 'test_fix_round.json'),
      };
      const above = 'depends_on' in example ? [step('find', { outputs: { packages: '' } })] : [];
      const document = 'plan_id' in example ? example : planWith([...above, example]);
      await loaded(document, { files, variables: { WORD: 'w', HOST: 'h', VERSION: '1' } });
    }
  });
});

/** A plan of the shape that plans had before ours: all fields written out, `doc_id` at the top, no schema. */
const oldShape = (id: string, more: object) => ({
  id,
  name: `Do ${id}`,
  description: 'As it says',
  command: 'python',
  args: ['scripts/tool.py', '--branch', '${BRANCH}', '--output', 'out/report_${BRANCH}.json'],
  cwd: '.',
  shell: false,
  env: {},
  depends_on: [],
  timeout_sec: 600,
  retries: 0,
  retry_delay_sec: 0,
  critical: true,
  condition: null,
  on_failure: 'abort',
  provides: [],
  consumes: [],
  tags: ['phase:0', 'gate:env'],
  ui_hints: { group: 'Validation', weight: 10 },
  ...more,
});

test('a plan of the old shape loads unchanged, and every field keeps its meaning', async () => {
  const document = {
    plan_id: 'PLAN-OLD-001',
    version: '1.0',
    description: 'As plans were',
    metadata: { project: 'pipeline', created_by: 'someone', tags: ['git'], phase_id: 'PH-1' },
    globals: {
      max_concurrency: 1,
      default_timeout_sec: 1800,
      default_retries: 0,
      env: { PYTHONUNBUFFERED: '1' },
    },
    steps: [
      oldShape('scan', { provides: ['scan_report'] }),
      oldShape('merge', {
        depends_on: ['scan'],
        consumes: ['scan_report'],
        provides: ['merged'],
        critical: false,
        on_failure: 'continue',
        retries: 2,
        retry_delay_sec: 5,
      }),
      oldShape('resolve', { depends_on: ['merge'], consumes: ['merged'], timeout_sec: null }),
    ],
    doc_id: 'DOC-OLD-270',
  };
  const { plan, problems } = await loadPlan({
    path: 'old.json',
    readText: () => JSON.stringify(document),
    variables: { BRANCH: 'main' },
  });
  expect(problems).toEqual([]);
  expect(plan).toMatchObject({
    planId: 'PLAN-OLD-001',
    project: 'pipeline',
    phaseId: 'PH-1',
    maxConcurrency: 1,
    env: { PYTHONUNBUFFERED: '1' },
  });
  expect(plan!.steps[1]).toMatchObject({
    id: 'merge',
    dependsOn: ['scan'],
    critical: false,
    onFailure: { kind: 'continue' },
    retry: { maxAttempts: 3, initialIntervalSec: 5 },
    timeoutSec: 600,
    tags: ['phase:0', 'gate:env'],
    group: 'Validation',
    weight: 10,
  });
  expect(plan!.steps[2]!.timeoutSec).toBe(1800);
  expect(commandOf(plan!.steps[0]).args.slice(1)).toEqual([
    '--branch',
    'main',
    '--output',
    'out/report_main.json',
  ]);
});

/** Where the plan files of the engine before ours are, for those who have them. */
const reference = process.env['PLANWRIGHT_REFERENCE_DATA'];
if (reference === undefined)
  console.warn(
    'skipped: the plan files of the engine before this one, because PLANWRIGHT_REFERENCE_DATA is not set',
  );
describe.skipIf(reference === undefined)('the plan files of the engine before this one', () => {
  const folder = join(reference ?? '', 'plans');
  const files = reference !== undefined && existsSync(folder) ? readdirSync(folder) : ['(none)'];

  test.each(files)('%s loads unchanged', async (name) => {
    for (const variables of [{}, { BRANCH: 'main' }]) {
      const { plan, problems } = await loadPlan({ path: join(folder, name), readText, variables });
      expect(problems.filter((problem) => problem.severity === 'error').map(formatProblem)).toEqual([]);
      const document = JSON.parse(readText(join(folder, name))) as {
        steps: { id: string; args: string[] }[];
      };
      expect(plan!.steps.map((made) => made.id)).toEqual(document.steps.map(({ id }) => id));
      if (!('BRANCH' in variables)) continue;
      expect(problems).toEqual([]);
      expect(plan!.steps.map((made) => commandOf(made).args)).toEqual(
        document.steps.map(({ args }) => args.map((text) => text.replaceAll('${BRANCH}', 'main'))),
      );
    }
  });
});
