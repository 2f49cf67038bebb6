import { expect, test } from 'vitest';
import { executableTests } from '../../src/workstream/acceptance.js';

test('shell lines are run, sentences are listed', () => {
  const lines = [
    'pytest -q',
    'python -c "import x"',
    './check.sh',
    'CI=1 npm test',
    'test -f a.txt',
    'scripts/check.sh --all',
    'git diff --check',
    'make lint',
  ];
  const prose = [
    'Test the workflow in CI',
    'All directories exist',
    'scripts/status.py displays the correct status',
    'core/db.py works',
    'Find all links',
    'make sure that it works',
    '',
  ];
  expect(executableTests([...lines, ...prose])).toEqual({ executable: lines, prose });
});
