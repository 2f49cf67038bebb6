/**
 * The configuration of workstreams: found, trusted, made.
 *
 * It names programs to run. A file that merely lies in a repository is therefore not followed before a person has said
 * so: its content is compared with what was trusted, so that a pull cannot change it unseen.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readJson, writeJson } from '../../os/json-file.js';
import type { Problem } from '../../plan/load/diagnostics.js';
import { hasErrors } from '../../plan/load/diagnostics.js';
import { defaultSettings, loadSettings } from '../../workstream/load/load-settings.js';
import type { WorkstreamSettings } from '../../workstream/settings.js';
import { PlanError, PlanwrightError } from '../errors.js';

/** Where a configuration is looked for in a repository, the first first. */
export const SETTINGS_FILES = ['.planwright/workstreams.yaml', '.uet/config.yaml'] as const;

export interface SettingsInForce {
  readonly settings: WorkstreamSettings;
  /** Null: the defaults. */
  readonly file: string | null;
  readonly warnings: readonly Problem[];
}

export interface SettingsRequest {
  readonly home: string;
  /** The repository. */
  readonly root: string;
  /** Relative names start here. */
  readonly cwd: string;
  /** A file that the person named: it is trusted. */
  readonly named?: string;
}

/**
 * Returns the configuration that counts for a repository.
 *
 * @throws PlanError with everything that is wrong with it; PlanwrightError `bad-request` when it is not trusted yet, or
 *   the one that was named is not there
 */
export async function settingsInForce({ home, root, cwd, named }: SettingsRequest): Promise<SettingsInForce> {
  const file = named === undefined ? settingsFileOf(root) : resolve(cwd, named);
  if (file === null) return { settings: defaultSettings(), file: null, warnings: [] };
  const text = read(file);
  // Before all else: who is asked to trust it should know that it is wrong. Reading it runs nothing.
  const { settings, problems } = await loadSettings(file, text);
  if (settings === null || hasErrors(problems)) throw new PlanError(file, problems);
  if (named === undefined && !isTrusted(home, file, text)) {
    throw new PlanwrightError(
      'bad-request',
      `the configuration "${file}" names programs to run, and you have not said yet that you trust it`,
      [`read it, then: planwright workstream setup --root ${root}`, `or name it each time: --config ${file}`],
    );
  }
  return { settings, file, warnings: problems };
}

/** Returns the configuration file of a repository, or null. */
export const settingsFileOf = (root: string): string | null =>
  SETTINGS_FILES.map((name) => join(root, name)).find((file) => existsSync(file)) ?? null;

export interface SetUpSettings {
  readonly file: string;
  readonly made: boolean;
  readonly warnings: readonly Problem[];
}

/**
 * Makes the configuration file of a repository where there is none, and trusts the one that is there now.
 *
 * @throws PlanError when it is wrong: nobody is to believe that a run could begin with it
 */
export async function setUpSettings(home: string, root: string): Promise<SetUpSettings> {
  const found = settingsFileOf(root);
  const file = found ?? join(root, SETTINGS_FILES[0]);
  if (found === null) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, TEMPLATE, { flag: 'wx' });
  }
  const text = read(file);
  const { settings, problems } = await loadSettings(file, text);
  if (settings === null || hasErrors(problems)) throw new PlanError(file, problems);
  writeJson(trustFile(home, file), { format: 1, file, sha256: hashOf(text) }); // of what was looked at
  return { file, made: found === null, warnings: problems };
}

function isTrusted(home: string, file: string, text: string): boolean {
  const note = readJson(trustFile(home, file));
  return (
    typeof note === 'object' &&
    note !== null &&
    (note as { file?: unknown }).file === file &&
    (note as { sha256?: unknown }).sha256 === hashOf(text)
  );
}

const trustFile = (home: string, file: string): string =>
  join(home, 'trusted', `${hashOf(file).slice(0, 32)}.json`);
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new PlanwrightError(
      'bad-request',
      `the configuration "${file}" cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      ['make one: planwright workstream setup'],
      { cause: error },
    );
  }
}

const TEMPLATE = `# How workstreams are run in this repository. Every line may be left out: then its default counts.
# It names programs to run. After a change: planwright workstream setup

execution:
  max_workers: 3
  default_tool: aider
  workstream_dir: workstreams
  tool_timeout_seconds: 600

# Each gate is one shell line. It must end with 0 on exactly the tree that is to land.
gates: []
#  - { name: tests, command: npm test, timeout_seconds: 600 }

# Who is asked when a patch conflicts with what landed before it: docs/workstreams.md#landing
# landing: { conflicts: { resolver: /opt/resolve.sh, needs: [MODEL_API_KEY] } }
`;
