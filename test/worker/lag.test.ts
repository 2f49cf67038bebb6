import { expect, test } from 'vitest';
import { watchLag } from '../../src/worker/lag.js';

test('a blocked event loop is measured', async () => {
  let end = (): void => {};
  const lag = new Promise<number>((resolve) => (end = watchLag(resolve)));
  await new Promise((resolve) => setImmediate(resolve));
  for (const until = performance.now() + 2_000; performance.now() < until;);
  expect(await lag).toBeGreaterThan(1_000);
  end();
});
