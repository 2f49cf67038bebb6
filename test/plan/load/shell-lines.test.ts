import { describe, expect, test } from 'vitest';
import { commandOf, errorsOf, loaded, planWith, step, warningsOf } from './loading.js';

describe('a shell line', () => {
  const shell = (command: string, more: object = {}) =>
    planWith([step('a', { shell: true, command, ...more })]);

  test('without variables is loaded as it is', async () => {
    const made = commandOf(
      (await loaded(shell('echo $HOME ${HOME} $$ > out', { args: ['${PATH}'] }))).steps[0],
    );
    expect([made.command, made.args]).toEqual(['echo $HOME ${HOME} $$ > out', ['${PATH}']]);
    expect(await warningsOf(shell('echo ${HOME}'))).toEqual([]);
  });

  test('takes no variable of the plan: its value would be read as commands', async () => {
    const variables = { BRANCH: '$(rm -rf /)' };
    const fields = [
      { command: 'git fetch origin ${BRANCH}' },
      { command: 'git', args: ['fetch', '${BRANCH}'] },
    ];
    for (const field of fields) {
      expect(await errorsOf(planWith([step('a', { shell: true, ...field })]), { variables })).toEqual([
        'shell-text: step "a": the variable "BRANCH" stands in a shell line, where its value would be read as commands; write "env": {"BRANCH": "${BRANCH}"}; the shell puts it in',
      ]);
    }
  });

  test('gets it by the environment, and puts it in itself', async () => {
    const plan = shell('git fetch origin "${BRANCH}"', { env: { BRANCH: '${BRANCH}' } });
    const made = commandOf((await loaded(plan, { variables: { BRANCH: '$(id)' } })).steps[0]);
    expect([made.command, made.env]).toEqual(['git fetch origin "${BRANCH}"', { BRANCH: '$(id)' }]);
  });

  test('may get it from globals.env', async () => {
    const plan = { ...shell('echo "${B}"'), globals: { env: { B: '${B}' } } };
    expect(await errorsOf(plan, { variables: { B: 'x' } })).toEqual([]);
  });

  test('keeps $${NAME} as the text ${NAME}', async () => {
    const made = commandOf((await loaded(shell('echo $${BRANCH}'), { variables: { BRANCH: 'x' } })).steps[0]);
    expect(made.command).toBe('echo ${BRANCH}');
  });

  test('may stand in a folder that a variable names', async () => {
    const plan = shell('ls', { cwd: 'packages/${P}' });
    expect(commandOf((await loaded(plan, { variables: { P: 'api' } })).steps[0]).cwd).toBe('packages/api');
  });

  test.each([
    ['sh', ['-c', 'echo ${X}']],
    ['/bin/bash', ['-euc', 'echo ${X}']],
    ['node', ['-e', 'console.log("${X}")']],
    ['python3', ['-c', 'print("${X}")']],
  ])('by another name (%s %j) is a warning', async (command, args) => {
    const plan = planWith([step('a', { command, args })]);
    expect(await warningsOf(plan, { variables: { X: 'x' } })).toEqual([
      expect.stringContaining('shell-text: step "a": the value of "X" becomes a part of a program here'),
    ]);
    const beside = planWith([step('a', { command, args: ['-c', 'fixed', '${X}'] })]);
    expect(await warningsOf(beside, { variables: { X: 'x' } })).toEqual([]);
  });
});
