/** deploy/temporal/set-up-namespace.sh, which a cluster's set-up runs at every start, on a real server. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { ask, type Namespace } from '../../src/server/ask.js';
import { SEARCH_ATTRIBUTES } from '../../src/server/search-attributes.js';
import { root } from '../checkout.js';

const run = promisify(execFile);
const DAY_SEC = 86_400;

let folder: string;
let path: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'planwright-namespace-'));
  mkdirSync(join(folder, 'bin'));
  symlinkSync(inject('temporalProgram'), join(folder, 'bin/temporal')); // the name it has in the image
  path = [join(folder, 'bin'), process.env['PATH']].join(delimiter);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the script with nothing but these settings, and no profile of the person's. */
const setUp = (settings: Readonly<Record<string, string>>) =>
  run('/bin/sh', [join(root, 'deploy/temporal/set-up-namespace.sh')], {
    env: { PATH: path, HOME: folder, ...settings },
  });

async function namespace(name: string): Promise<Namespace> {
  const answer = await ask(inject('temporalAddress'), name);
  if (answer.kind !== 'answered') throw new Error(`namespace "${name}": ${answer.kind}`);
  return { ...answer.namespace, searchAttributes: [...answer.namespace.searchAttributes].sort() };
}

test('the set-up of a namespace makes it as the engine wants it, and may run again', async () => {
  const name = `set-up-${process.pid}`;
  const settings = { TEMPORAL_ADDRESS: inject('temporalAddress'), TEMPORAL_NAMESPACE: name };
  await setUp(settings);
  const made = await namespace(name);
  expect(made.retentionSec).toBe(30 * DAY_SEC);
  expect(made.searchAttributes).toEqual([...SEARCH_ATTRIBUTES].sort());

  await setUp({ ...settings, RUN_RETENTION: '48h' });
  expect(await namespace(name)).toEqual({ ...made, retentionSec: 2 * DAY_SEC });
});

test('without an address the set-up of a namespace does nothing and says so', async () => {
  await expect(setUp({})).rejects.toThrow(/TEMPORAL_ADDRESS/);
});
