/**
 * What the papers say is there, is there; and what must not be in a repository is not.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands } from '../src/cli/commands.js';
import { read, root } from './checkout.js';

/** Every file of the repository: known to git, or about to be. */
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)) && statSync(join(root, path)).isFile());

const papers = files.filter((path) => path.endsWith('.md') && !path.startsWith('test/'));

interface Package {
  readonly license: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
/** What of a package's entry in the lock file this reads. */
interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(read('package.json')) as Package;

/** Returns what a pattern's first group finds in the papers, with the paper: `[paper, found]`. */
const namedInPapers = (pattern: RegExp): [string, string][] =>
  papers.flatMap((paper) =>
    [...read(paper).matchAll(pattern)].map(([, found = '']): [string, string] => [paper, found]),
  );

/** Returns the code in a paper: fenced blocks, and what stands between backticks. */
function codeIn(text: string): readonly string[] {
  const fenced = /^```.*?\n(.*?)^```/gms;
  const inline = text.replace(fenced, '').matchAll(/`([^`\n]+)`/g);
  return [...text.matchAll(fenced), ...inline].map(([, code = '']) => code);
}

/** Headings as the anchors that common renderers make of them. */
const anchorsOf = (text: string): readonly string[] =>
  [...text.replace(/^```.*?^```/gms, '').matchAll(/^#+ +(.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );

describe('the papers', () => {
  test.each([
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'LICENSE',
    'plans/README.md',
    'docs/architecture.md',
    'docs/cluster.md',
  ])('have %s', (path) => {
    expect(files).toContain(path);
  });

  test('link to files and headings that exist', () => {
    const broken = namedInPapers(/\]\(([^)\s]+)\)/g)
      .filter(([, link]) => !/^[a-z]+:/.test(link))
      .filter(([paper, link]) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? join(root, paper) : join(root, dirname(paper), path);
        if (relative(root, target).startsWith('..') || !existsSync(target)) return true;
        return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  test('name npm scripts that exist', () => {
    const named = [...namedInPapers(/\bnpm run ([a-z][\w:-]*)/g), ...namedInPapers(/\bnpm (test|start)\b/g)];
    expect(named.filter(([, script]) => !(script in manifest.scripts))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });

  test('name commands that exist', () => {
    const known = new Set([...commands.map(({ name }) => name), 'help']);
    const named = papers.flatMap((paper) =>
      codeIn(read(paper)).flatMap((code) =>
        [...code.matchAll(/\bplanwright(?:\.mjs)? ([a-z][a-z-]*)\b/g)].map(([, name = '']) => [paper, name]),
      ),
    );
    expect(named.filter(([, name]) => !known.has(name ?? ''))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });

  test('name settings that the program reads', () => {
    const code = files
      .filter(
        (path) => /^(src|bin|scripts|deploy|bench|test|\.ci)\//.test(path) && path !== 'test/papers.test.ts',
      )
      .map(read)
      .join('\n');
    const named = namedInPapers(/\b(PLANWRIGHT_[A-Z_]*[A-Z])\b/g);
    expect(named.filter(([, name]) => !code.includes(name))).toEqual([]);
  });

  test('say under which licence all this may be used', () => {
    expect(manifest.license).toBe('MIT');
    expect(read('LICENSE')).toMatch(/^MIT License\n\nCopyright \(c\) Planwright contributors\n/);
  });
});

describe('dependencies', () => {
  const lock = JSON.parse(read('package-lock.json')) as { packages: Readonly<Record<string, Locked>> };
  const locked = Object.entries(lock.packages).filter(([path]) => path !== '');

  test('have exact versions, the SDK’s all the same one', () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    const sdk = versions.filter(([name]) => name.startsWith('@temporalio/'));
    expect(new Set(sdk.map(([, version]) => version)).size).toBe(1);
  });

  test('are locked by hash, without the address of a registry', () => {
    expect(locked.length).toBeGreaterThan(100);
    expect(locked.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
    expect(
      locked.filter(([, entry]) => !/^sha512-/.test(entry.integrity ?? '')).map(([path]) => path),
    ).toEqual([]);
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect([name, lock.packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
    }
  });

  test('are locked to the last one, those for other systems too: without them `npm ci` refuses to begin', () => {
    const isLocked = (from: string, name: string): boolean => {
      if (`${from}node_modules/${name}` in lock.packages) return true;
      return from !== '' && isLocked(from.slice(0, from.lastIndexOf('node_modules/')), name); // as Node looks for it
    };
    const missing = locked.flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !isLocked(`${path}/`, name))
        .map((name) => `${name}, for ${path}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('the repository', () => {
  test('holds no program, archive or database', () => {
    const binary = files.filter(
      (path) => !path.endsWith('.png') && readFileSync(join(root, path)).includes(0),
    );
    expect(binary).toEqual([]);
  });

  test('names no folder of a machine it was made on', () => {
    // In pieces, so that this file does not name them either.
    const folders = [
      ['', 'root', ''],
      ['', 'work', 'main'],
      ['', 'work', 'shared'],
      ['', 'tmp', 'brief'],
    ];
    const strange = new RegExp(folders.map((parts) => parts.join('/')).join('|'));
    expect(files.filter((path) => strange.test(read(path)))).toEqual([]);
  });

  test('holds no file of secrets, and git would not take one', () => {
    expect(
      files.filter((path) => /(^|\/)\.env(\..*)?$/.test(path) && !path.endsWith('.env.example')),
    ).toEqual([]);
    expect(() => execFileSync('git', ['check-ignore', '--quiet', '.env'], { cwd: root })).not.toThrow();
  });
});
