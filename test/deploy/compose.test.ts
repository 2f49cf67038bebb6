/**
 * docker-compose.yml was never started where it was written. What can be said of it without an engine is said here,
 * and each rule is seen to go red on a file that breaks it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { globalsDocument } from '../../src/plan/load/schema.js';
import { read, root } from '../checkout.js';
import { parseCompose, type Compose } from './compose-file.js';
import { rules, type RuleName, type Surroundings } from './compose-rules.js';

const text = read('docker-compose.yml');
const ruleNames = Object.keys(rules) as RuleName[];

const around: Surroundings = {
  packageVersion: (JSON.parse(read('package.json')) as { version: string }).version,
  stepLimitSec: globalsDocument.parse({}).default_timeout_sec,
  documented: new Map(
    [...read('.env.example').matchAll(/^(?:# )?([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  ),
  exists: (path) => existsSync(join(root, path)),
};

describe('docker-compose.yml', () => {
  test.each(ruleNames)('%s', (name) => {
    expect(rules[name](parseCompose(text), around)).toEqual([]);
  });

  test('starts the files of deploy/temporal where it mounts them', () => {
    const { temporal, schema, namespace } = parseCompose(text).services;
    const mount = './deploy/temporal:/etc/planwright/temporal:ro';
    for (const service of [temporal, schema, namespace]) expect(service?.volumes).toContain(mount);
    // The server reads ROOT/CONFIG/ENV.yaml.
    expect(temporal?.entrypoint?.join(' ')).toContain(
      '--root /etc/planwright --config temporal --env cluster ',
    );
    const scripts = [schema, namespace].map((service) => service?.entrypoint?.at(-1));
    for (const path of ['/etc/planwright/temporal/cluster.yaml', ...scripts]) {
      expect(existsSync(join(root, path?.replace('/etc/planwright', 'deploy') ?? 'none'))).toBe(true);
    }
  });

  test.each([
    ['temporal', 'deploy/temporal/cluster.yaml'],
    ['schema', 'deploy/temporal/set-up-schema.sh'],
    ['namespace', 'deploy/temporal/set-up-namespace.sh'],
  ])('sets nothing for %s that %s does not read', (name, path) => {
    const given = Object.keys(parseCompose(text).services[name]?.environment ?? {});
    const readThere = new Set([...read(path).matchAll(/(?:env "|\$\{)([A-Z_]+)/g)].map(([, found]) => found));
    expect(given.filter((variable) => !readThere.has(variable))).toEqual([]);
    expect(given.length).toBeGreaterThan(2);
  });

  test('gives the database room for every connection that the server’s pools may open', () => {
    const pools = [...read('deploy/temporal/cluster.yaml').matchAll(/maxConns: (\d+)/g)];
    const perService = pools.reduce((sum, [, connections]) => sum + Number(connections), 0);
    const postgres = parseCompose(text).services['postgres']?.command?.join(' ') ?? '';
    expect(pools).toHaveLength(2);
    expect(Number(/max_connections=(\d+)/.exec(postgres)?.[1])).toBeGreaterThan(4 * perService);
  });

  test('runs the server version that scripts/prove-postgres.sh proves', () => {
    const proved = /server_version=(\S+)/.exec(read('scripts/prove-postgres.sh'))?.[1];
    expect(parseCompose(text).services['temporal']?.image).toBe(`temporalio/server:${proved}`);
  });

  test('says that it was never started', () => {
    expect(text).toContain('NEVER STARTED');
  });
});

/** Returns a copy of the file with one value replaced, or taken out when `value` is undefined. */
function changed(file: Compose, path: string, value: unknown): Compose {
  const copy = structuredClone(file);
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let target = copy as Record<string, unknown>;
  for (const key of keys) target = target[key] as Record<string, unknown>;
  if (value === undefined) delete target[last];
  else target[last] = value;
  return copy;
}

/** For each rule, values that break it: where in the file, and what stands there. The type wants every rule. */
const breaks: Record<RuleName, [path: string, value: unknown][]> = {
  'an image is pinned to an exact version': [
    ['services.ui.image', 'temporalio/ui:latest'],
    ['services.ui.image', 'temporalio/ui'],
    ['services.postgres.image', 'postgres:15'],
    ['services.worker.image', 'planwright:0.0.9'],
  ],
  'a port is published on loopback only': [
    ['services.ui.ports', ['8233:8080']],
    ['services.temporal.ports', ['0.0.0.0:7233:7233']],
  ],
  'a service that others wait for can be waited for': [
    ['services.temporal.healthcheck', undefined],
    ['services.namespace.restart', 'always'],
    ['services.ui.depends_on.temporl', { condition: 'service_healthy' }],
    ['services.ui.depends_on.temporal.condition', 'service_started'],
  ],
  'a service that lasts has a health check and a bounded log': [
    ['services.worker.healthcheck', undefined],
    ['services.schema.logging', undefined],
  ],
  'no password is in the file': [
    ['services.postgres.environment.POSTGRES_PASSWORD', 'temporal'],
    ['services.postgres.environment.POSTGRES_PASSWORD', '${POSTGRES_PASSWORD:-temporal}'],
    ['services.schema.environment.SQL_PASSWORD', '${POSTGRES_PASSWORD}'],
    ['services.schema.environment.SQL_PASSWORD', '${POSTGRES_PASSWORD:?}'],
  ],
  'each variable is documented, and each documented one is used': [
    ['services.ui.user', '${UI_USER:-1000}'],
    ['services.worker.command', undefined],
    ['services.namespace.environment.RUN_RETENTION', '${RUN_RETENTION:-24h}'],
    ['services.namespace.environment.RUN_RETENTION', '${RUN_RETENTION}'],
  ],
  'a volume is named, or a read-only folder of the checkout': [
    ['services.worker.volumes.0', '/var/run/docker.sock:/var/run/docker.sock:ro'],
    ['services.postgres.volumes.0', '/var/lib/postgresql/data'],
    ['services.worker.volumes.0', 'states:/var/lib/planwright'],
    ['services.schema.volumes.0', './deploy/temporal:/etc/planwright/temporal'],
    ['services.schema.volumes.0', './deploy/gone:/etc/planwright/temporal:ro'],
    ['volumes.unused', {}],
  ],
  'a service has no more rights than it needs': [
    ['services.worker.init', false],
    ['services.worker.cap_drop', []],
    ['services.worker.cap_add', ['SYS_ADMIN']],
    ['services.ui.security_opt', []],
    ['services.ui.security_opt.1', 'seccomp=unconfined'],
  ],
  'the database is reached by the server and its schema tool alone': [
    ['services.worker.networks.1', 'database'],
    ['services.ui.networks', undefined],
    ['networks.database', {}],
    ['services.postgres.ports', ['127.0.0.1:5432:5432']],
  ],
  'workers can be scaled, and stopped without losing a step': [
    ['services.worker.ports', ['127.0.0.1:9090:9090']],
    ['services.worker.stop_grace_period', undefined],
    ['services.worker.stop_grace_period', '${WORKER_STOP_GRACE:-30m}'],
    ['services.worker.restart', undefined],
  ],
  'the server, its tools and what runs on it are of one version': [
    ['services.temporal.image', 'temporalio/server:1.30.4'],
  ],
};

describe('the rules', () => {
  const cases = ruleNames.flatMap((name) =>
    breaks[name].map(([path, value]) => [name, path, value] as const),
  );
  test.each(cases)('“%s” goes red when %s is %j', (name, path, value) => {
    expect(rules[name](changed(parseCompose(text), path, value), around)).not.toEqual([]);
  });

  test.each([
    'privileged: true',
    'container_name: worker',
    'pid: host',
    'network_mode: host',
    'depend_on: []',
  ])('refuse the key in “%s”', (line) => {
    expect(() => parseCompose(text.replace('    pids_limit: 4096', `    ${line}`))).toThrow(
      /nrecognized key/,
    );
  });
});
