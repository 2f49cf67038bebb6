/**
 * Keeps a holder of a lease that comes back late, from a frozen machine say, from moving what is another's by now.
 *
 * Each grant of a lease has a number that rises. The largest that was used on this machine is remembered in the state
 * directory; who has a smaller one has lost the lease since. Between machines the remote alone decides: it moves only
 * from where it was seen.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateHome } from '../../home.js';
import { writeAtomically } from '../git/atomic-file.js';
import { takeLock } from '../git/process-lock.js';
import { stopped } from './reasons.js';
import type { Context } from './tool.js';

/** Comparing takes no time; a rival that was frozen in the middle of it is not waited for long. */
const WAIT_SEC = 5;

/**
 * Makes sure that nobody was given this process's leases after it.
 *
 * @throws Stopped `fenced` when somebody was
 */
export async function holdToLeases({ env, target }: Pick<Context, 'env' | 'target'>): Promise<void> {
  for (const [name, token] of leasesIn(env)) {
    const newer = await newerToken(env, name, token);
    if (newer === null) continue;
    throw stopped('guarded_push_failed', 2, {
      code: 'fenced',
      message: `the lease "${name}" was given to somebody else while this run was held up (number ${newer} after ${token}); "${target.branch}" is theirs to move.`,
      hint: 'Nothing was pushed. Start the safe merge again: it waits for its turn.',
    });
  }
}

/** Leases of a repository that this process runs under, with their numbers. */
function leasesIn(env: NodeJS.ProcessEnv): [name: string, token: number][] {
  let read: unknown;
  try {
    read = JSON.parse(env['PLANWRIGHT_LEASES'] ?? '{}');
  } catch {
    return []; // not the engine's
  }
  return Object.entries((read ?? {}) as Record<string, unknown>).filter(
    (entry): entry is [string, number] =>
      entry[0].startsWith('repository:') && Number.isSafeInteger(entry[1]),
  );
}

/** Notes our number; returns a larger one that is noted already, or null. */
async function newerToken(env: NodeJS.ProcessEnv, name: string, token: number): Promise<number | null> {
  const key = createHash('sha256').update(name).digest('hex').slice(0, 32);
  const file = join(stateHome(env), 'safe-merge', 'fences', key);
  const lock = await takeLock(`${file}.lock`, WAIT_SEC);
  try {
    const noted = Number(await readFile(file, 'utf8').catch(() => '0'));
    if (noted > token) return noted;
    if (noted < token) await writeAtomically(file, `${token}\n`);
    return null;
  } finally {
    await lock?.release();
  }
}
