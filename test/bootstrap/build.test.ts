import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isBuilt } from '../../scripts/stamps.mjs';
import { read, root } from '../checkout.js';

test('the build makes a program that runs, leaves nothing of removed sources, and bundles workflows only when they changed', () => {
  const checkout = mkdtempSync(join(tmpdir(), 'planwright-build-'));
  onTestFinished(() => rmSync(checkout, { recursive: true, force: true }));
  for (const name of [
    'bin',
    'config',
    'plans',
    'scripts',
    'src',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
  ]) {
    cpSync(join(root, name), join(checkout, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  writeFileSync(join(checkout, 'src/extra.ts'), 'export const extra: number = 1;\n');
  const build = (): unknown =>
    execFileSync(process.execPath, [join(checkout, 'scripts/build.mjs')], { stdio: 'pipe' });

  build();
  expect(isBuilt(checkout)).toBe(true);
  expect(existsSync(join(checkout, 'dist/extra.js'))).toBe(true);
  const { version } = JSON.parse(read('package.json')) as { version: string };
  // Not by `bin/`: that could find the linked packages old, and install.
  const run = `import('${join(checkout, 'dist/bundle/main.js')}').then(({ main }) => main(['--version']))`;
  expect(execFileSync(process.execPath, ['-e', run], { encoding: 'utf8' })).toContain(version);

  // The machine's form of the code is taken; one of other code is not, and does no harm.
  const form = join(checkout, 'dist/bundle/main.cjs');
  const loader = `import('${join(checkout, 'dist/os/load-bundle.mjs')}')`;
  const look = `${loader}.then((os) => console.log(os.compileBundle(new URL('file://${form}')).cachedDataRejected))`;
  const isRefused = (): string => execFileSync(process.execPath, ['-e', look], { encoding: 'utf8' }).trim();
  expect(isRefused()).toBe('false');
  writeFileSync(`${form}.cache`, 'no code');
  expect(isRefused()).toBe('true');
  expect(execFileSync(process.execPath, ['-e', run], { encoding: 'utf8' })).toContain(version);

  const bundle = join(checkout, 'dist/workflow-bundle.js');
  const made = statSync(bundle).mtimeMs;
  rmSync(join(checkout, 'src/extra.ts'));
  build();
  expect(existsSync(join(checkout, 'dist/extra.js'))).toBe(false);
  expect(statSync(bundle).mtimeMs).toBe(made);

  writeFileSync(
    join(checkout, 'src/workflows/index.ts'),
    'export async function other(): Promise<void> {}\n',
  );
  build();
  expect(statSync(bundle).mtimeMs).not.toBe(made);
});
