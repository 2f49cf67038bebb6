/**
 * Which Temporal programs can serve: found out by asking them.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { withoutTemporal } from './environment.js';

/** The release of the Temporal CLI that Planwright is tested with; downloads and builds take this one. */
export const CLI_RELEASE = '1.5.1';
/** The server inside that release. */
export const CLI_SERVER = '1.29.1';
/** Folders in the cache in which the program is made open with this. */
export const WORKSHOP = 'making-';
/** Older servers lack priorities and eager activities as the engine uses them. */
const OLDEST_SERVER = [1, 29] as const;

export type Checked =
  | { readonly kind: 'good'; readonly serverVersion: string }
  | { readonly kind: 'bad'; readonly found: string };

/** Asks the program at `path` for its version: is it the Temporal CLI, and new enough? */
export async function checkProgram(path: string): Promise<Checked> {
  let output;
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], {
      timeout: 20_000,
      env: withoutTemporal(process.env),
    });
    output = stdout.trim();
  } catch (error) {
    return { kind: 'bad', found: `"${path} --version" does not work: ${reasonOf(error)}` };
  }
  const version = /\(server ((\d+)\.(\d+)\.[^\s,)]+)/i.exec(output); // old releases write it small
  if (!output.startsWith('temporal version') || version === null) {
    return {
      kind: 'bad',
      found: `"${path}" is not the Temporal CLI: it calls itself "${firstLine(output)}"`,
    };
  }
  const [, serverVersion = '', major, minor] = version;
  const [oldestMajor, oldestMinor] = OLDEST_SERVER;
  if (Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor)) {
    return {
      kind: 'bad',
      found: `"${path}" holds server ${serverVersion}, older than ${OLDEST_SERVER.join('.')}`,
    };
  }
  return { kind: 'good', serverVersion };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOENT') return 'there is no such file';
  if ('code' in error && error.code === 'EACCES') return 'it is not executable';
  return firstLine(error.message.replace(/^Command failed: .*\n/, '')) || 'it failed';
}

const firstLine = (text: string): string => (text.split('\n', 1)[0] ?? '').slice(0, 200);
