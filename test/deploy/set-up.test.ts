/** What deploy/ gives a cluster, against what the engine itself uses. Its scripts run in test/server and by hand. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { devServerArguments } from '../../src/server/dev-server.js';
import { read, root } from '../checkout.js';

test('a cluster has the dynamic settings of the embedded server', () => {
  const args = devServerArguments({ database: 'x', port: 1, uiPort: 2 });
  const embedded = args
    .filter((_, index) => args[index - 1] === '--dynamic-config-value')
    .map((setting): [string, unknown] => {
      const [key = '', value = ''] = setting.split('=');
      return [key, JSON.parse(value)];
    });
  const cluster = parse(read('deploy/temporal/dynamic.yaml')) as Record<string, [{ value: unknown }]>;
  expect(Object.fromEntries(Object.entries(cluster).map(([key, [{ value }]]) => [key, value]))).toEqual(
    Object.fromEntries(embedded),
  );
  expect(embedded.length).toBeGreaterThan(5);
});

test.each([
  ['sh', 'deploy/temporal/set-up-schema.sh'],
  ['sh', 'deploy/temporal/set-up-namespace.sh'],
  ['sh', 'deploy/worker/entrypoint.sh'],
  ['bash', 'scripts/native-cluster.sh'],
  ['bash', 'scripts/proof-table.sh'],
  ['bash', 'scripts/prove-hosts.sh'],
  ['bash', 'scripts/prove-postgres.sh'],
])('%s can read %s', (shell, script) => {
  execFileSync(shell, ['-n', join(root, script)]);
});
