/**
 * What tests of killed workers have in common: a program that does one attempt, a hall for each test, and a sleep that nobody else
 * sleeps, of which nothing may be left.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { openRepository, type Repository } from '../../../src/tools/git/repository.js';
import { bundleProgram } from '../../support/bundled-program.js';
import { sleepers, uniqueSleep } from '../../support/processes.js';
import { sandbox } from '../../tools/git/support/sandbox.js';
import { openHall, type Hall } from './attempts.js';

export interface Doomed {
  /** `doomed-attempt.ts`, as a file that node runs. */
  program: string;
  hall: Hall;
  repository: Repository;
  seconds: string;
}

/** Called once, at the top of a test file; what it returns is filled before each test. */
export function doomedWorkers(): Doomed {
  sandbox();
  const doomed = {} as Doomed;
  let bundled: Awaited<ReturnType<typeof bundleProgram>>;
  beforeAll(async () => {
    bundled = await bundleProgram(fileURLToPath(new URL('doomed-attempt.ts', import.meta.url)));
    doomed.program = bundled.file;
  });
  afterAll(() => bundled.remove());
  beforeEach(async () => {
    doomed.hall = await openHall();
    doomed.repository = await openRepository(doomed.hall.repo.path);
    doomed.seconds = uniqueSleep();
  });
  afterEach(async () => {
    await doomed.hall.close();
    expect(sleepers(doomed.seconds)).toEqual([]);
  });
  return doomed;
}
