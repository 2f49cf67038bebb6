/**
 * A program that brings a work tree to another commit, to be killed on the way.
 *
 * Arguments: work tree, branch, from, to, a folder for temporary files.
 */
import { moveCheckout } from '../../../../src/tools/git/checkout-move.js';
import { withObjects } from '../../../../src/tools/git/objects.js';
import { openRepository } from '../../../../src/tools/git/repository.js';

const [path = '', branch = '', from = '', to = '', temporary = ''] = process.argv.slice(2);
const repository = await openRepository(path);
const moved = await withObjects(repository, temporary, (objects) =>
  moveCheckout(repository, objects, { branch, from, to }, [], 'the mover'),
);
process.stdout.write(moved.kind);
