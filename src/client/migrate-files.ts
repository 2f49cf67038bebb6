/**
 * Brings plan and bundle files up to date: all of them, or none.
 */
import { realpath, rename, rm, stat, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Problem } from '../plan/load/diagnostics.js';
import { failureOf } from '../plan/load/load-file.js';
import type { FileKind, Told } from '../plan/load/migrate/migrate-text.js';
import { readInputText } from '../os/input-text.js';
import { loadPlanText } from './load.js';

export interface MigrateOptions {
  /** Relative to `cwd`. */
  readonly files: readonly string[];
  readonly cwd?: string;
  /** False: says what would be done. */
  readonly write: boolean;
}

export interface MigratedFile {
  readonly file: string;
  readonly kind: FileKind | null;
  /** `written` only where `write` was said and no file was refused. */
  readonly state: 'current' | 'migrated' | 'written' | 'refused';
  readonly changes: readonly Told[];
  /** Nothing was changed for these: a person should look at them. */
  readonly notes: readonly Told[];
  readonly problems: readonly Problem[];
}

interface Draft extends MigratedFile {
  readonly before: string;
  readonly text: string;
}

/**
 * Works out what each file comes to, checks that it loads then, and writes it when asked to. When one file is refused
 * none is written.
 */
export async function migrateFiles({
  files,
  cwd = process.cwd(),
  write,
}: MigrateOptions): Promise<readonly MigratedFile[]> {
  const drafts: Draft[] = [];
  for (const file of new Set(files)) drafts.push(await draftOf(file, cwd));
  const isRefused = drafts.some(({ state }) => state === 'refused');
  if (write && !isRefused)
    for (const draft of drafts)
      if (draft.state === 'migrated') await replace(resolve(cwd, draft.file), draft);
  return drafts.map(({ before: _, text: __, ...draft }) =>
    write && !isRefused && draft.state === 'migrated' ? { ...draft, state: 'written' } : draft,
  );
}

async function draftOf(file: string, cwd: string): Promise<Draft> {
  const refused = (problems: readonly Problem[], kind: FileKind | null = null): Draft => ({
    ...{ file, kind, state: 'refused', changes: [], notes: [], problems, before: '', text: '' },
  });
  let before: string;
  try {
    before = await readInputText(resolve(cwd, file));
  } catch (error) {
    const why = failureOf(file, error);
    return refused([{ ...why, severity: 'error', file, line: 0, column: 0, path: [], hint: null }]);
  }
  const { migrateText } = await import('../plan/load/migrate/migrate-text.js');
  const { locate, ...migrated } = await migrateText(file, before);
  if (migrated.state !== 'migrated') return { file, ...migrated, before };
  const wrong = await stillWrong(file, cwd, migrated.kind, migrated.text);
  // The person has the old text before them.
  const placed = wrong.map((problem) => ({ ...problem, ...locate?.(problem.path, 'value') }));
  return wrong.length > 0 ? refused(placed, migrated.kind) : { file, ...migrated, before };
}

/** What only a start can give, and what other files say, is not the migration's business. */
const ELSEWHERE = ['missing-variable', 'bad-sub-plan'];

/** Returns what keeps the new text from being loaded. */
async function stillWrong(
  file: string,
  cwd: string,
  kind: FileKind | null,
  text: string,
): Promise<readonly Problem[]> {
  if (kind === 'plan') {
    const { problems } = await loadPlanText(file, text, cwd);
    return problems.filter(
      (problem) => problem.severity === 'error' && problem.file === file && !ELSEWHERE.includes(problem.code),
    );
  }
  const { readBundles } = await import('../workstream/load/read-bundles.js');
  const bundles = await readBundles(file, () => text, false);
  return bundles.flatMap(({ problems }) => problems.filter(({ severity }) => severity === 'error'));
}

/** Puts the new text in the file's place, unless somebody wrote the file meanwhile. A link stays a link. */
async function replace(path: string, { before, text }: Draft): Promise<void> {
  const file = await realpath(path);
  const draft = `${file}.${process.pid}.draft`;
  try {
    const { mode } = await stat(file);
    const handle = await open(draft, 'wx', mode & 0o777);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if ((await readInputText(file)) !== before)
      throw new Error(`"${path}" was changed meanwhile: migrate it again`);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
