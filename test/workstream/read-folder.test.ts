import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readSet } from '../../src/workstream/load/read-folder.js';
import { bundle } from './set.js';

test('a pipe or a device among the bundles is one that cannot be read; nobody waits for its end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pw-bundles-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'ws-a.json'), JSON.stringify(bundle('ws-a')));
  execFileSync('mkfifo', [join(folder, 'ws-pipe.json')]);
  symlinkSync('/dev/zero', join(folder, 'ws-zero.json'));
  const { bundles, malformed } = await readSet({ path: folder });
  expect(bundles.map(({ workstream }) => workstream.id)).toEqual(['ws-a']);
  expect(malformed.map(({ id, reason }) => [id, reason])).toEqual([
    ['ws-pipe', expect.stringContaining('it is a pipe, not a file')],
    ['ws-zero', expect.any(String)],
  ]);
});
