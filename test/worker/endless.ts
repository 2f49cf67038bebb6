/** Workflows that loop for ever, for the test of what guards a worker against them. */
import { condition, sleep } from '@temporalio/workflow';

function loop(): never {
  for (;;) continue;
}

export async function loopAtOnce(): Promise<void> {
  loop();
}

export async function loopAfterPromise(): Promise<void> {
  await Promise.resolve();
  loop();
}

export async function loopInCondition(): Promise<void> {
  await condition(loop);
}

export async function calm(): Promise<string> {
  await Promise.all([sleep(10), sleep(20)]);
  return 'done';
}
