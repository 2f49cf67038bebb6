/**
 * What must be true of docker-compose.yml. Each rule returns what is wrong, in words; none is worth an exception.
 */
import { referencesIn, secondsOf, withDefaults, type Compose, type Service } from './compose-file.js';

/** What a rule may look at besides the file. */
export interface Surroundings {
  readonly packageVersion: string;
  /** How long a step may run whose plan sets no limit: a worker that is told to stop waits for it. */
  readonly stepLimitSec: number;
  /** The lines of .env.example that name a variable, commented out or not: name to value. */
  readonly documented: ReadonlyMap<string, string>;
  readonly exists: (path: string) => boolean;
}

type Rule = (file: Compose, around: Surroundings) => readonly string[];

/** Applies a check to each service, and puts its name before what is wrong. */
const eachService =
  (check: (service: Service, around: Surroundings, file: Compose) => readonly (string | false)[]): Rule =>
  (file, around) =>
    Object.entries(file.services).flatMap(([name, service]) =>
      check(service, around, file)
        .filter((problem) => problem !== false)
        .map((problem) => `${name}: ${problem}`),
    );

/** Goes on until it is stopped; the others run once and end. */
const isLasting = (service: Service): boolean =>
  service.restart !== undefined && service.restart !== 'no' && service.restart !== 'on-failure';

const sourceOf = (volume: string): string => volume.slice(0, volume.indexOf(':'));
const isBindMount = (volume: string): boolean => /^[./~]/.test(volume);
const isSecret = (name: string): boolean => /PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL/.test(name);

export const rules = {
  'an image is pinned to an exact version': eachService(({ image, build }, { packageVersion }) => [
    build === undefined &&
      !/^[a-z0-9][a-z0-9./-]*:[\w.-]*\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$/.test(image) &&
      `"${image}" names no exact version`,
    build !== undefined &&
      image !== `planwright:${packageVersion}` &&
      `"${image}" is built here, but package.json says ${packageVersion}`,
  ]),

  'a port is published on loopback only': eachService(({ ports = [] }) =>
    ports.map((port) => !port.startsWith('127.0.0.1:') && `port "${port}" is open to the network`),
  ),

  'a service that others wait for can be waited for': eachService(({ depends_on = {} }, _, { services }) =>
    Object.entries(depends_on).map(([name, { condition }]) => {
      const other = services[name];
      if (other === undefined) return `waits for "${name}", which is no service`;
      if (condition === 'service_healthy' && other.healthcheck === undefined)
        return `waits for the health of "${name}", which has no health check`;
      if (condition === 'service_completed_successfully' && isLasting(other))
        return `waits for the end of "${name}", which never ends`;
      return condition === 'service_started' && `waits for the mere start of "${name}"`;
    }),
  ),

  'a service that lasts has a health check and a bounded log': eachService((service) => [
    isLasting(service) && service.healthcheck === undefined && 'has no health check',
    service.logging?.options['max-size'] === undefined && 'has a log without bounds',
  ]),

  'no password is in the file': eachService(({ environment = {} }) =>
    Object.entries(environment)
      .filter(([name]) => isSecret(name))
      .map(([name, value]) => {
        const [reference] = referencesIn(value);
        return (
          (value !== `\${${reference?.name}:?${reference?.required}}` || !reference?.required) &&
          `${name} must be \${NAME:?message}, so that nothing starts without one`
        );
      }),
  ),

  'each variable is documented, and each documented one is used': (file, { documented }) => {
    const used = referencesIn(JSON.stringify(file.services).replaceAll('\\"', '"'));
    const names = new Set(used.map(({ name }) => name));
    return [
      ...[...names].filter((name) => !documented.has(name)).map((name) => `${name} is not in .env.example`),
      ...[...documented.keys()]
        .filter((name) => !names.has(name))
        .map((name) => `${name} is in .env.example, but nothing reads it`),
      ...used
        .filter(({ name, fallback }) => fallback !== null && documented.get(name) !== fallback)
        .map(({ name, fallback }) => `${name}: .env.example must show the default "${fallback}"`),
      ...used
        .filter(({ name, fallback, required }) => required === null && (fallback === null || isSecret(name)))
        .map(({ name }) => `${name} needs a default, or must be required when it is a secret`),
      ...used
        .filter(({ name, required }) => required !== null && documented.get(name) !== '')
        .map(({ name }) => `${name} is required: .env.example must leave it empty`),
    ];
  },

  'a volume is named, or a read-only folder of the checkout': (file, { exists }) => {
    const mounts = Object.entries(file.services).flatMap(([name, { volumes = [] }]) =>
      volumes.map((volume) => ({ name, volume, source: sourceOf(volume) })),
    );
    return [
      ...mounts.flatMap(({ name, volume, source }) => {
        if (volume.includes('docker.sock')) return [`${name}: "${volume}" hands out the whole machine`];
        if (!volume.includes(':')) return [`${name}: "${volume}" is a volume without a name`];
        if (!isBindMount(volume))
          return source in file.volumes ? [] : [`${name}: volume "${source}" is not declared`];
        return [
          ...(volume.endsWith(':ro') ? [] : [`${name}: "${volume}" can be written to`]),
          ...(source.startsWith('./') && exists(source)
            ? []
            : [`${name}: "${source}" is not in the checkout`]),
        ];
      }),
      ...Object.keys(file.volumes)
        .filter((name) => !mounts.some(({ source }) => source === name))
        .map((name) => `volume "${name}" is not used`),
    ];
  },

  // `privileged`, `pid`, `network_mode`, `devices` and the like are unknown keys to parseCompose.
  'a service has no more rights than it needs': eachService((service) => [
    service.init !== true && 'has no init: zombies stay',
    !service.cap_drop?.includes('ALL') && 'keeps the default capabilities',
    !service.security_opt?.includes('no-new-privileges:true') && 'may gain rights through setuid programs',
    service.security_opt?.some((option) => option.includes('unconfined')) === true && 'is unconfined',
    service.cap_add !== undefined && !service.image.startsWith('postgres:') && 'adds capabilities',
  ]),

  'the database is reached by the server and its schema tool alone': (file) => [
    ...(file.networks['database']?.internal === true ? [] : ['network "database" has a way out']),
    ...Object.entries(file.services).flatMap(([name, { networks = [], ports = [] }]) => [
      ...(networks.length > 0 ? [] : [`${name}: is in the default network`]),
      ...networks
        .filter((network) => !(network in file.networks))
        .map((network) => `${name}: no "${network}"`),
      ...(networks.includes('database') && !['postgres', 'schema', 'temporal'].includes(name)
        ? [`${name}: reaches the database`]
        : []),
      ...(name === 'postgres' && ports.length > 0 ? ['postgres: publishes a port'] : []),
    ]),
  ],

  'workers can be scaled, and stopped without losing a step': (file, { stepLimitSec }) => {
    const worker = file.services['worker'];
    if (worker === undefined) return ['there is no worker'];
    const grace = secondsOf(withDefaults(worker.stop_grace_period ?? '10s')); // the engine's own default
    return [
      ...(worker.ports === undefined ? [] : ['worker: a port can be published once only']),
      ...(worker.restart === 'unless-stopped' ? [] : ['worker: is not started again after a crash']),
      ...(grace > stepLimitSec
        ? []
        : [`worker: is killed after ${grace} s, but a step may run for ${stepLimitSec} s`]),
    ];
  },

  'the server, its tools and what runs on it are of one version': (file) => {
    const tagOf = (name: string): string => file.services[name]?.image.split(':')[1] ?? '';
    const server = tagOf('temporal');
    return ['schema', 'namespace'].flatMap((name) =>
      tagOf(name).startsWith(`${server}-`) ? [] : [`${name}: ${tagOf(name)} is not of server ${server}`],
    );
  },
} satisfies Record<string, Rule>;

export type RuleName = keyof typeof rules;
