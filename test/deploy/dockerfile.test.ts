/** The Dockerfile was never built where it was written: what can be said without an engine is said here. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { read, root } from '../checkout.js';
import { parseCompose } from './compose-file.js';

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** Returns the instructions, one for each, with continued lines joined. */
const instructionsOf = (text: string): readonly Instruction[] =>
  text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({
      name: line.slice(0, line.indexOf(' ')),
      rest: line.slice(line.indexOf(' ') + 1).trim(),
    }));

const dockerfile = instructionsOf(read('Dockerfile'));
const all = (name: string): readonly string[] =>
  dockerfile.filter((one) => one.name === name).map((one) => one.rest);
const lastStage = dockerfile.slice(dockerfile.findLastIndex(({ name }) => name === 'FROM'));

/** Paths that a COPY takes from the checkout. */
const copied = all('COPY')
  .filter((rest) => !rest.startsWith('--from='))
  .flatMap((rest) => rest.split(' ').slice(0, -1));
const lastCopied = lastStage
  .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from='))
  .flatMap(({ rest }) => rest.split(' ').slice(0, -1));

describe('the image', () => {
  test('is made from an exact version of the Node that the package asks for', () => {
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node) ?? [];
    expect(all('FROM').length).toBeGreaterThan(0);
    for (const from of all('FROM')) {
      expect(from).toMatch(new RegExp(`^node:${major}\\.${minor}\\.\\d+-bookworm-slim( AS \\w+)?$`));
    }
  });

  test('runs as a user without rights, from files that this user cannot change', () => {
    const users = lastStage.filter(({ name }) => name === 'USER').map(({ rest }) => rest);
    expect(users).toEqual(['node']);
    expect(lastStage.findIndex(({ name }) => name === 'USER')).toBeGreaterThan(
      lastStage.findLastIndex(({ name }) => name === 'COPY' || name === 'RUN'),
    );
    expect(all('COPY').filter((rest) => rest.includes('--chown'))).toEqual([]);
  });

  test('runs no install script of a package, and installs what the lock file says', () => {
    const npm = all('RUN').flatMap((rest) => rest.split('&&').filter((part) => /\bnpm\b/.test(part)));
    expect(npm[0]?.trim()).toBe('npm ci --ignore-scripts');
    for (const command of npm) expect(command).toContain('--ignore-scripts');
  });

  test('has what steps and their containment need', () => {
    const packages = /apt-get install (.*?)(&&|$)/.exec(
      all('RUN').find((rest) => rest.includes('apt-get')) ?? '',
    )?.[1];
    for (const name of ['git', 'perl', 'util-linux', 'ca-certificates', 'openssh-client']) {
      expect(packages?.split(' ')).toContain(name);
    }
  });

  test('fetches nothing by address', () => {
    expect(all('ADD')).toEqual([]);
    expect(all('RUN').filter((rest) => /https?:|\b(curl|wget)\b/.test(rest))).toEqual([]);
  });

  test('holds every file of the package, nothing that would build it again, and the check that compose calls', () => {
    const { files } = JSON.parse(read('package.json')) as { files: readonly string[] };
    expect(all('COPY')).toContain('--from=build /app/dist ./dist');
    for (const file of files.filter((name) => name !== 'dist')) expect(lastCopied).toContain(file);
    expect(lastCopied).not.toContain('scripts'); // bin/start.mjs takes it for a checkout
    expect(read('bin/start.mjs')).toContain('../scripts/bootstrap.mjs');

    const health = parseCompose(read('docker-compose.yml')).services['worker']?.healthcheck?.test.at(-1);
    expect(health).toBe('/app/deploy/worker/health.mjs');
    expect(existsSync(join(root, 'deploy/worker/health.mjs'))).toBe(true);
    expect(lastCopied).toContain('deploy/worker');
  });

  test('is made from files that are there and that .dockerignore lets through', () => {
    const allowed = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(copied.filter((path) => !allowed.includes(path))).toEqual([]);
  });
});

const ignored = read('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

test('nothing reaches the image’s build but what is named', () => {
  expect(ignored[0]).toBe('*');
  for (const line of ignored.slice(1)) expect(line).toMatch(/^![\w./-]+$/);
  for (const secret of ['.env', '.git', 'node_modules']) expect(ignored).not.toContain(`!${secret}`);
});
