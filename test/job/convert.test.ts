import { describe, expect, test } from 'vitest';
import { jobsOf } from '../../src/job/convert.js';
import { loadSet } from '../../src/workstream/load/load-set.js';
import { readWholeSet } from '../workstream/set.js';
import { load, lines } from './loading.js';

async function converted(over: object) {
  const bundle = {
    ...{ id: 'ws-paint', openspec_change: 'C', ccpm_issue: 1, gate: 1, tool: 'aider' },
    ...{ files_scope: ['src/door.ts'], tasks: ['Paint the door.', 'Let it dry.'] },
    ...over,
  };
  const { bundles } = await loadSet({ files: ['b.json'], readText: () => JSON.stringify(bundle) });
  return jobsOf(bundles[0]!.workstream);
}

test('a workstream is a job of the short form, and what it waits for are jobs', async () => {
  expect(await converted({ depends_on: ['ws-walls'] })).toEqual([
    {
      job_id: 'ws-paint-001',
      workstream_id: 'ws-paint',
      tool: 'aider',
      files: ['src/door.ts'],
      instructions: 'Paint the door.\nLet it dry.',
      dependencies: ['ws-walls-001'],
      config: { auto_commit: false },
      metadata: {},
    },
  ]);
});

test('what else it says is carried along', async () => {
  const [job] = await converted({
    ...{ files_create: ['src/new.ts'], max_cost_usd: 2, circuit_breaker: { max_attempts: 4 } },
    capability_payload: { timeout_ms: 90_500, max_retries: 1 },
  });
  expect(job!['metadata']).toEqual({
    files_create: ['src/new.ts'],
    timeout_seconds: 91,
    max_retries: 1,
    circuit_breaker: { max_attempts: 4 },
    max_cost_usd: 2,
  });
});

test('acceptance tests that are commands are a job behind the first, prose is not', async () => {
  const jobs = await converted({ acceptance_tests: ['npm test', 'The door is green.', 'npm run lint'] });
  expect(jobs[1]).toMatchObject({
    job_id: 'ws-paint-002',
    tool: 'tests',
    command: { exe: 'sh', args: ['-ec', 'npm test\nnpm run lint'] },
    dependencies: ['ws-paint-001'],
  });
});

describe('the whole set', async () => {
  const { bundles } = await readWholeSet();

  test('becomes jobs that load, whose dependencies are all among them', async () => {
    const jobs = bundles.flatMap(({ workstream }) => jobsOf(workstream));
    const found = await load(jobs);
    expect(lines(found)).toEqual([]);
    const ids = new Set(found.jobs.map(({ job }) => job.id as string));
    expect(found.jobs.length).toBeGreaterThanOrEqual(bundles.length);
    for (const { job } of found.jobs) for (const id of job.dependsOn) expect(ids).toContain(id);
  });
});
