/**
 * Bringing the files and the index of a clean work tree to a tree; the branch stays.
 */
import { rm } from 'node:fs/promises';
import { GitFailure } from './call.js';
import { whatLies } from './checkout-files.js';
import { bytesFromPath, fileBytes } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';
import { diffTrees } from './tree.js';

/**
 * Writes a tree beside HEAD into the work tree: all of it, or nothing when git refuses or fails on the way.
 *
 * @throws GitFailure
 */
export async function writeTree(checkout: Repository, tree: string): Promise<void> {
  // A file that was only touched would be refused as changed.
  await gitIn(checkout, ['update-index', '-q', '--refresh'], { accept: [0, 1] });
  try {
    await gitIn(checkout, ['read-tree', '-m', '-u', 'HEAD', tree]);
  } catch (error) {
    if (!(error instanceof GitFailure)) throw error;
    await putBack(checkout, tree);
    throw error;
  }
}

/**
 * The index is replaced at the end, so it still says what was there. Only what we wrote ourselves is taken back: what somebody
 * laid there at that moment may be why git refused.
 */
async function putBack(checkout: Repository, tree: string): Promise<void> {
  const objects = { git: (args: readonly string[]) => gitIn(checkout, args) };
  const again: Buffer[] = [];
  for (const change of await diffTrees(objects, 'HEAD', tree)) {
    const lying = await whatLies(checkout, checkout.workTree!, change);
    if (lying === 'foreign' || lying === 'before') continue;
    if (change.before === null) await rm(fileBytes(checkout.workTree!, change.path), { force: true });
    else again.push(bytesFromPath(change.path), Buffer.from([0]));
  }
  await gitIn(checkout, ['checkout-index', '--force', '-z', '--stdin'], { input: Buffer.concat(again) });
}
