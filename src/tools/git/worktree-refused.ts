/**
 * Why no work tree of ours came to be.
 */
export type WorktreeRefusal = 'bad-id' | 'disk-limit' | 'disk-full' | 'occupied' | 'other-base' | 'busy';

/** No work tree came to be; nothing of it is left. */
export class WorktreeRefused extends Error {
  override readonly name = 'WorktreeRefused';
  constructor(
    readonly reason: WorktreeRefusal,
    message: string,
  ) {
    super(message);
  }
}
