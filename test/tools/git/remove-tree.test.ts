import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { removeTree } from '../../../src/tools/git/remove-tree.js';
import { sandbox } from './support/sandbox.js';

const box = sandbox();

test('a directory goes although somebody still writes into it for a while', async () => {
  const path = join(box.folder(), 'tree');
  mkdirSync(join(path, 'git'), { recursive: true });
  for (let n = 0; n < 200; n += 1) writeFileSync(join(path, 'git', `${n}`), '');
  const writing = (async () => {
    for (let n = 0; n < 100 && existsSync(join(path, 'git')); n += 1) {
      writeFileSync(join(path, 'git', `late-${n}`), '');
      await sleep(1);
    }
  })();
  await removeTree(path);
  await writing;
  expect(existsSync(path)).toBe(false);
});
