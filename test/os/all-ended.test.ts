import { expect, test } from 'vitest';
import { allEnded } from '../../src/os/all-ended.js';

test('side by side, each comes to its own result', async () => {
  expect(await allEnded([Promise.resolve(1), 'two', null])).toEqual([1, 'two', null]);
});

test('when one fails, the others are waited for all the same', async () => {
  const steps: string[] = [];
  let finish = (): void => undefined;
  const slow = new Promise<void>((resolve) => (finish = resolve)).then(
    () => void steps.push('the slow one ended'),
  );
  const both = allEnded([Promise.reject(new Error('broken')), slow]).catch((error: Error) =>
    steps.push(error.message),
  );
  await Promise.resolve().then(finish);
  await both;
  expect(steps).toEqual(['the slow one ended', 'broken']);
});
