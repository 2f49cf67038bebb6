/**
 * Finds the values of secrets when a command is started: until then a plan carries their names only.
 */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from '../os/json-file.js';
import { runFiles } from '../record/layout.js';

/** Where secrets may come from, the nearest first. */
export interface SecretSources {
  readonly home: string;
  readonly runId: string;
  readonly env: NodeJS.ProcessEnv;
}

export type FoundSecrets =
  | { readonly kind: 'found'; readonly values: ReadonlyMap<string, string> }
  | { readonly kind: 'problem'; readonly message: string };

/** The worker's environment may hold secrets, each under its name behind this. */
export const SECRET_PREFIX = 'PLANWRIGHT_SECRET_';

/** Looks up secrets: in the run's own file, then in the worker's file, then in the worker's environment. */
export function findSecrets(names: readonly string[], { home, runId, env }: SecretSources): FoundSecrets {
  const values = new Map<string, string>();
  if (names.length === 0) return { kind: 'found', values };
  const files = [runFiles(home, runId).secrets, join(home, 'secrets.json')];
  const read: Readonly<Record<string, unknown>>[] = [];
  for (const file of files) {
    const content = readSecretFile(file);
    if ('problem' in content) return { kind: 'problem', message: content.problem };
    read.push(content.values);
  }
  for (const name of names) {
    const value = valueOf(name, read) ?? env[`${SECRET_PREFIX}${name}`];
    if (value === undefined) return { kind: 'problem', message: missing(name, files[1] ?? '') };
    if (typeof value !== 'string') {
      return {
        kind: 'problem',
        message: `secret "${name}" is not a text in its file; put its value in quotes`,
      };
    }
    values.set(name, value);
  }
  return { kind: 'found', values };
}

const valueOf = (name: string, files: readonly Readonly<Record<string, unknown>>[]): unknown =>
  files.find((values) => Object.hasOwn(values, name))?.[name];

const missing = (name: string, file: string): string =>
  `secret "${name}" is not known on this worker; give it with the run (--var ${name}=…), or put it into ` +
  `"${file}" (mode 0600) or into ${SECRET_PREFIX}${name} of the worker's environment`;

type Content = { readonly values: Readonly<Record<string, unknown>> } | { readonly problem: string };

function readSecretFile(path: string): Content {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (isMissing(error)) return { values: {} };
    return { problem: `cannot read the secrets in "${path}": ${String(error)}` };
  }
  try {
    // Of the opened file: the name could lead elsewhere a moment later.
    const { mode, uid } = fstatSync(file);
    if ((mode & 0o077) !== 0) {
      const found = (mode & 0o777).toString(8).padStart(4, '0');
      return { problem: `secrets in "${path}" can be read by others (mode ${found}); chmod 600 it` };
    }
    if (uid !== process.getuid?.()) {
      return { problem: `secrets in "${path}" belong to user ${uid}, not to the worker's; chown it` };
    }
    const values: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isRecord(values) ? { values } : { problem: notAnObject(path) };
  } catch {
    // Without the parser's words: they quote the file.
    return { problem: notAnObject(path) };
  } finally {
    closeSync(file);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const notAnObject = (path: string): string => `"${path}" is not a JSON object of names and values`;
