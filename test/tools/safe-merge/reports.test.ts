import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clonesIn, sandbox, type Clones } from '../git/support/sandbox.js';
import { drive } from './support/driver.js';
import { tool } from './support/program.js';

const box = sandbox();

const theirs = (made: Clones, name = 't.txt'): void => {
  made.theirs.commit(`theirs ${name}`, { [name]: 't\n' });
  made.theirs.git('push', '--quiet');
};

test.each<[word: string, prepare: (made: Clones) => unknown]>([
  ['up to date', () => undefined],
  ['fast-forwarded', (made) => theirs(made)],
  ['pushed', ({ mine }) => mine.commit('mine', { 'm.txt': 'm\n' })],
  ['merged and pushed', (made) => (theirs(made), made.mine.commit('mine', { 'm.txt': 'm\n' }))],
])('the last words of a run say which it was: %s', async (word, prepare) => {
  const made = clonesIn(box.folder());
  prepare(made);
  const { mine } = made;
  const outcome = await drive({ root: mine.path });
  expect(outcome.state, outcome.said).toBe('succeeded');
  const at = mine.git('rev-parse', '--short=10', 'main');
  expect(outcome.steps['guarded_push']?.stdout).toMatch(new RegExp(`^guarded_push: ${word}: .*${at}\\n$`));
});

test('what the pipeline of old leaves in a work tree makes it no less clean', async () => {
  const { mine } = clonesIn(box.folder());
  mine.write({
    '.state/safe_merge/env_scan_main.json': '{}\n',
    'logs/run.log': 'x\n',
    '.sync-log.txt.1': 'x\n',
  });
  expect(await tool(mine.path, ['env_scan'])).toMatchObject({ code: 0 });
  mine.write({ 'logs.txt': 'x\n' });
  const ran = await tool(mine.path, ['env_scan']);
  expect(ran.stderr).toMatch(/dirty_working_tree: 1 file [^\n]*"logs\.txt"/);
});

test('classified are the tracked files and what the other side brings; nothing untracked or ignored', async () => {
  const made = clonesIn(box.folder(), { 'a.py': 'a\n', '.gitignore': '*.log\n' });
  theirs(made, 'new/theirs.md');
  const { mine } = made;
  mine.git('fetch', '--quiet');
  mine.write({ 'untracked.py': 'u\n', 'ignored.log': 'i\n' });
  const ran = await tool(mine.path, ['file_classification', '--json']);
  const { classifications } = JSON.parse(ran.stdout) as { classifications: Record<string, string> };
  expect(classifications).toEqual({
    '.gitignore': 'config_sensitive',
    'a.py': 'human_text',
    'new/theirs.md': 'human_text',
  });
});

test('conflicts leave a flag beside the reports, which the next run of the name takes away', async () => {
  const made = clonesIn(box.folder(), { 'a.py': 'a\n' });
  made.theirs.commit('theirs', { 'a.py': 'theirs\n' });
  made.theirs.git('push', '--quiet');
  made.mine.commit('mine', { 'a.py': 'mine\n' });
  const { mine } = made;
  const outcome = await drive({ root: mine.path });
  expect(outcome.state).toBe('failed');
  const flag = `.git/planwright/safe_merge/${outcome.runId}/conflicts_main.flag`;
  expect(mine.read(flag)).toBe('merge_conflicts\n');
  expect((await tool(mine.path, ['env_scan', `--run=${outcome.runId}`])).code).toBe(0);
  expect(existsSync(join(mine.path, flag))).toBe(false);
});
