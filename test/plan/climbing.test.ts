import { expect, test } from 'vitest';
import { folderLeft } from '../../src/plan/climbing.js';

test.each([
  ['packages/${P}', 'packages/..', 'packages/'],
  ['packages/${P}', 'packages/../..', 'packages/'],
  ['packages/${P}', 'packages/a/../../b', 'packages/'],
  ['packages/${P}/src', 'packages/../../src', 'packages/'],
  ['./${P}', './../x', './'],
  ['/srv/p-${P}/x', '/srv/p-/../../etc/x', '/srv/'],
  ['${P}', '../..', null],
  ['p-${P}', 'p-/../..', './'],
  ['a/${P}/../..', 'a/x/../..', null], // the plan itself climbs
  ['plain/..', 'plain/..', null],
])('%s that becomes %s leaves %s', (written, filled, folder) => {
  expect(folderLeft(written, filled)).toBe(folder);
});
