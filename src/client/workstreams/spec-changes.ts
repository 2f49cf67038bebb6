/**
 * Changes of a repository (`openspec/changes/<id>/`), and the bundles that are made of them.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { isMissing, readJson } from '../../os/json-file.js';
import { isThere, writeShared } from '../../os/shared-file.js';
import type { Problem } from '../../plan/load/diagnostics.js';
import { isError } from '../../plan/load/diagnostics.js';
import { nearest } from '../../plan/nearest.js';
import { loadSet } from '../../workstream/load/load-set.js';
import { readSet, workstreamFolder } from '../../workstream/load/read-folder.js';
import { bundleOf, NoBundle, type SpecBundle } from '../../workstream/spec/bundle-of.js';
import { BadFrontMatter, readChange, type Change } from '../../workstream/spec/change.js';
import { PlanError, PlanwrightError } from '../errors.js';

const CHANGES = join('openspec', 'changes');
const TRACKING = join('.state', 'ccpm_tracking.json');
/** A description of work is no larger; a file that is was not written by hand. */
const MAX_BYTES = 1024 * 1024;

/** Returns the folder that a command about changes works in: the named one, else the nearest above `cwd` that has changes. */
export function changesRoot(cwd: string, named: string | undefined): string {
  if (named !== undefined) return resolve(cwd, named);
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, CHANGES))) return folder;
    if (dirname(folder) === folder) return cwd;
  }
}

/** Returns the changes of a repository in order of their ids, each as far as it can be read. */
export async function listChanges(root: string): Promise<{ readonly id: string; readonly title: string }[]> {
  const ids = await changeIds(root);
  return Promise.all(
    ids.map(async (id) => {
      try {
        return { id, title: (await readChangeOf(root, id)).title };
      } catch (error) {
        if (!(error instanceof PlanwrightError)) throw error;
        return { id, title: error.message };
      }
    }),
  );
}

async function changeIds(root: string): Promise<string[]> {
  try {
    const entries = await readdir(join(root, CHANGES), { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && entry.name !== 'archive' && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export interface SpecRequest {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly changeId: string;
  readonly wsId: string | null;
  readonly tool: string;
  readonly output: string | null;
}

export interface DraftedBundle extends SpecBundle {
  /** Where it belongs. */
  readonly file: string;
  readonly text: string;
}

/**
 * Makes the bundle of a change, and loads it as any other to see that it is valid. Writes nothing.
 *
 * @throws PlanwrightError `bad-request` when there is no such change, or nothing can be made of it; PlanError when what was
 *   made is not valid
 */
export async function draftBundle(request: SpecRequest): Promise<DraftedBundle> {
  const { root, changeId, wsId, tool } = request;
  const change = await readChangeOf(root, changeId);
  let made: SpecBundle;
  try {
    made = bundleOf(change, { id: wsId, tool, trackedIssue: trackedIssue(root, changeId) });
  } catch (error) {
    if (!(error instanceof NoBundle)) throw error;
    throw new PlanwrightError('bad-request', error.message, error.remedies);
  }
  const folder = workstreamFolder(root, request.env);
  const file =
    request.output === null ? join(folder, `${made.bundle.id}.json`) : resolve(request.cwd, request.output);
  const text = `${JSON.stringify(made.bundle, null, 2)}\n`;
  const shown = relative(request.cwd, file) || file;
  const { problems } = await loadSet({ files: [shown], readText: () => text, strict: true });
  if (problems.some(isError)) throw new PlanError(shown, problems.map(withRemedy));
  return { ...made, file, text };
}

const withRemedy = (problem: Problem): Problem =>
  problem.path[0] === 'id' ? { ...problem, hint: 'name another: --ws-id ws-…' } : problem;

/**
 * Writes a bundle.
 *
 * @throws PlanwrightError `bad-request` when the file is there, or another one has the same id, and `force` is not said
 */
export async function writeBundle({ file, text, bundle }: DraftedBundle, force: boolean): Promise<void> {
  const other = await holderOf(dirname(file), bundle.id, file);
  if (!force && other !== null) {
    throw new PlanwrightError('bad-request', `"${other}" has a workstream "${bundle.id}" already`, [
      'of two with one id neither is used: name another with --ws-id',
    ]);
  }
  try {
    await writeShared(file, text, !force);
  } catch (error) {
    if (!isThere(error)) throw error;
    throw new PlanwrightError('bad-request', `"${file}" is there already`, [
      'overwrite it: --force',
      'or write elsewhere: --output <file>, --ws-id <id>',
    ]);
  }
}

async function holderOf(folder: string, id: string, except: string): Promise<string | null> {
  if (!existsSync(folder)) return null;
  const { bundles } = await readSet({ path: folder, pattern: '*.json' });
  const same = bundles.find((one) => one.workstream.id === id && resolve(one.file) !== except);
  return same?.file ?? null;
}

async function readChangeOf(root: string, id: string): Promise<Change> {
  const ids = await changeIds(root);
  if (!ids.includes(id)) {
    const meant = nearest(id, ids);
    throw new PlanwrightError(
      'bad-request',
      `there is no change "${id}" in "${join(root, CHANGES)}"${meant === null ? '' : `; did you mean "${meant}"?`}`,
      ['planwright workstream from-spec --list    has them'],
    );
  }
  const folder = join(root, CHANGES, id);
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.md$/i.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
  const read = async (name: string): Promise<string | null> =>
    names.includes(name) ? textOf(join(folder, name)) : null;
  const others = names.filter((name) => name !== 'proposal.md' && name !== 'tasks.md');
  try {
    return readChange({
      id,
      proposal: await read('proposal.md'),
      tasks: await read('tasks.md'),
      others: await Promise.all(
        others.map(async (file) => ({ file, text: await textOf(join(folder, file)) })),
      ),
    });
  } catch (error) {
    if (!(error instanceof BadFrontMatter)) throw error;
    throw new PlanwrightError(
      'bad-request',
      `${join(folder, 'proposal.md')}:${error.line}: the front matter is not YAML: ${error.message}`,
    );
  }
}

async function textOf(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > MAX_BYTES)
    throw new PlanwrightError(
      'bad-request',
      `"${file}" has ${size} bytes: more than is read of a description`,
    );
  return readFile(file, 'utf8');
}

/** Returns the issue that `.state/ccpm_tracking.json` has for a change, or null. */
function trackedIssue(root: string, id: string): number | string | null {
  const tracking = readJson(join(root, TRACKING)) as { readonly issues?: unknown } | null;
  const issues = tracking?.issues;
  if (typeof issues !== 'object' || issues === null || !Object.hasOwn(issues, id)) return null;
  const issue = (issues as Record<string, unknown>)[id];
  return (typeof issue === 'number' && Number.isInteger(issue)) || typeof issue === 'string' ? issue : null;
}
