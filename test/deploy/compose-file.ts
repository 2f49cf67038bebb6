/**
 * The shape of a compose file, as far as ours uses it: a key that is not named here is a mistake or a decision, and
 * either should be looked at.
 */
import { parse } from 'yaml';
import { z } from 'zod';

const duration = z.string().regex(/^(\d+(ms|s|m|h))+$/);
const environment = z.record(z.string(), z.string());

const healthcheck = z.strictObject({
  test: z.tuple([z.enum(['CMD', 'CMD-SHELL'])], z.string()),
  interval: duration,
  timeout: duration,
  retries: z.int().positive(),
  start_period: duration,
});

const service = z.strictObject({
  image: z.string(),
  build: z.literal('.').optional(),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']).optional(),
  profiles: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  environment: environment.optional(),
  working_dir: z.string().optional(),
  user: z.string().optional(),
  init: z.boolean().optional(),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  networks: z.array(z.string()).optional(),
  depends_on: z
    .record(
      z.string(),
      z.strictObject({
        condition: z.enum(['service_started', 'service_healthy', 'service_completed_successfully']),
      }),
    )
    .optional(),
  healthcheck: healthcheck.optional(),
  stop_grace_period: z.string().optional(),
  cap_add: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  pids_limit: z.int().positive().optional(),
  logging: z.strictObject({ driver: z.string(), options: environment }).optional(),
});

const compose = z.looseObject({
  name: z.string(),
  services: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), service),
  networks: z.record(z.string(), z.strictObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.strictObject({})),
});

export type Compose = z.infer<typeof compose>;
export type Service = z.infer<typeof service>;

/**
 * Reads a compose file, with its merge keys carried out.
 *
 * @throws ZodError naming each key that is unknown or of another type
 */
export function parseCompose(text: string): Compose {
  const file = compose.parse(parse(text, { merge: true }));
  const known = ['name', 'services', 'networks', 'volumes'];
  const unknown = Object.keys(file).filter((key) => !known.includes(key) && !key.startsWith('x-'));
  if (unknown.length > 0) throw new Error(`unknown keys at the top: ${unknown.join(', ')}`);
  return file;
}

/** Returns a text with each variable replaced by its default, as when nothing is set. */
export const withDefaults = (text: string): string => text.replace(/\$\{[A-Z_]+:-([^}]*)\}/g, '$1');

/** Returns a duration such as `1m30s` in seconds. */
export function secondsOf(text: string): number {
  const unit: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600 };
  return [...text.matchAll(/(\d+)(ms|s|m|h)/g)].reduce(
    (sum, [, count, name]) => sum + Number(count) * (unit[name ?? ''] ?? NaN),
    0,
  );
}

/** A `${NAME}` of the file: its default after `:-`, or its message after `:?`. */
export interface Reference {
  readonly name: string;
  readonly fallback: string | null;
  readonly required: string | null;
}

/** Returns every variable in a text of the file. `$$` is a plain dollar sign. */
export function referencesIn(text: string): readonly Reference[] {
  return [...text.replaceAll('$$', '').matchAll(/\$\{([A-Z_][A-Z0-9_]*)(?::([-?])([^}]*))?\}/g)].map(
    ([, name = '', kind, rest = '']) => ({
      name,
      fallback: kind === '-' ? rest : null,
      required: kind === '?' ? rest : null,
    }),
  );
}
