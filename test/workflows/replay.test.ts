import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { expect, inject, test } from 'vitest';
import { root } from '../checkout.js';
import { furtherLegs, scenarios } from './scenarios.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

const folder = join(root, 'test', 'histories');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const textOf = (name: string): string => readFileSync(join(folder, `${name}.json`), 'utf8');

/** Replays one history; resolves with what went wrong, or null. */
async function replay(name: string, text: string): Promise<unknown> {
  const history = historyFromJSON(JSON.parse(text));
  const results = Worker.runReplayHistories({ workflowBundle: { codePath: inject('workflowBundle') } }, [
    { workflowId: name, history },
  ]);
  for await (const result of results) return result.error ?? null;
  return new Error('nothing was replayed');
}

test('there is a history for each scenario and for the further legs of some', () => {
  const expected = Object.keys(scenarios).flatMap((name) =>
    ['', ...(furtherLegs[name] ?? [])].map((suffix) => `${name}${suffix}.json`),
  );
  expect(files.sort()).toEqual(expected.sort());
});

test.each(files.map((file) => file.replace(/\.json$/, '')))('the history "%s" replays', async (name) => {
  expect(await replay(name, textOf(name))).toBeNull();
});

test.each([
  ['another activity', 'success', (text: string) => text.replaceAll('"runCommand"', '"runSomethingElse"')],
  [
    'an activity under another id',
    'success',
    (text: string) => text.replaceAll('"activityId": "b"', '"activityId": "bb"'),
  ],
  [
    'a child under another id',
    'sub-plan',
    (text: string) => text.replaceAll('"sub-plan~sub"', '"sub-plan~other"'),
  ],
  [
    'a run of a job under another id',
    'job-success',
    (text: string) => text.replaceAll('"job~q~a~1.', '"job~q~a~2.'),
  ],
  [
    'another activity of a queue of jobs',
    'job-queue',
    (text: string) => text.replaceAll('"findJobs"', '"findNobody"'),
  ],
])('a workflow that would have asked for %s is found out', async (_, name, change) => {
  const changed = change(textOf(name));
  expect(changed).not.toBe(textOf(name));
  expect(await replay(name, changed)).toBeInstanceOf(DeterminismViolationError);
});
