/**
 * Commands for the tests of containment, in a folder of their own.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Containment, Ending, ProcessTree, Refusal } from '../../../src/tools/process/containment.js';
import { openGroups } from '../../../src/tools/process/group.js';
import { openNamespaces } from '../../../src/tools/process/namespace.js';
import { startCommand, type CommandSpec } from '../../../src/tools/process/start-command.js';

/** Both ways to hold a command, by name. */
export const MODES = [
  ['namespace', () => openNamespaces('/usr/bin/perl')],
  ['group', async () => openGroups('a test')],
] as const satisfies readonly (readonly [string, () => Promise<Containment>])[];

export interface Bench {
  readonly folder: string;
  readonly containment: Containment;
  start(spec: Partial<CommandSpec>): Promise<ProcessTree | Refusal>;
  /** Starts, waits for the end and returns it with all the output. */
  run(spec: Partial<CommandSpec>): Promise<{ ending: Ending | Refusal; out: string; err: string }>;
  sh(script: string, spec?: Partial<CommandSpec>): ReturnType<Bench['run']>;
  /** Writes a file with the given mode and returns its path. */
  file(name: string, content: string | Buffer, mode?: number): string;
  close(): Promise<void>;
}

/** Returns a folder and the means to run commands in it. */
export function bench(containment: Containment): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'planwright-process-'));
  let started = 0;
  const full = (spec: Partial<CommandSpec>): CommandSpec => {
    started++;
    return {
      command: 'true',
      args: [],
      shell: false,
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '' },
      stdout: join(folder, `${started}.out`),
      stderr: join(folder, `${started}.err`),
      secrets: [],
      mark: `${process.pid}-${started}-${Math.random()}`,
      ...spec,
    };
  };
  const self: Bench = {
    folder,
    containment,
    start: (spec) => startCommand(containment, full(spec)),
    async run(spec) {
      const all = full(spec);
      const tree = await startCommand(containment, all);
      if (tree.kind !== 'started') return { ending: tree, out: '', err: '' };
      const ending = await tree.ended;
      return { ending, out: readFileSync(all.stdout, 'latin1'), err: readFileSync(all.stderr, 'latin1') };
    },
    sh: (script, spec = {}) => self.run({ command: '/bin/sh', args: ['-c', script], ...spec }),
    file(name, content, mode = 0o644) {
      const path = join(folder, name);
      writeFileSync(path, content);
      chmodSync(path, mode);
      return path;
    },
    async close() {
      await containment.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
  return self;
}
