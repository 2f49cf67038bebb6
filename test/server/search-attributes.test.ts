import { expect, test } from 'vitest';
import {
  missingSearchAttributes,
  registerCommand,
  SEARCH_ATTRIBUTES,
} from '../../src/server/search-attributes.js';
import * as used from '../../src/workflows/attributes.js';

test('the server registers exactly what runs use', () => {
  const keys = Object.values(used).filter((one) => typeof one !== 'function');
  const names = keys.map(({ name }) => name);
  expect([...SEARCH_ATTRIBUTES].sort()).toEqual(names.sort());
});

test('what a cluster lacks is named, with the command that mends it', () => {
  const missing = missingSearchAttributes([
    'PlanId',
    'RunState',
    'FailedStep',
    'Repository',
    'Branch',
    'Other',
  ]);
  expect(missing).toEqual(['Workstream', 'Tool']);
  expect(registerCommand(missing, 'prod')).toBe(
    'temporal operator search-attribute create --namespace prod --name Workstream --type Keyword --name Tool --type Keyword',
  );
});
