/**
 * What an index holds, as git lists it: questions about it are answered from the listing, because an object of each of
 * hundreds of thousands of entries takes longer than all else.
 */
import { bytesFromPath, pathFromBytes } from './path-bytes.js';
import { gitIn, type Repository } from './repository.js';

const SUBMODULE = '160000 ';
const MAX_LISTING = 512 * 1024 * 1024;

/** Reads the index of the repository's work tree. */
export async function listIndex(repository: Repository): Promise<IndexListing> {
  const { stdout } = await gitIn(repository, ['ls-files', '-s', '-z'], { maxBytes: MAX_LISTING });
  return new IndexListing(stdout);
}

export class IndexListing {
  /** @param listed - `<mode> <id> <stage>\t<path>` of each entry, by the bytes of the paths, as git sorts them */
  constructor(private readonly listed: Buffer) {}

  /** Tells whether anything in a directory, or below it, is in the index. */
  holds(directory: string): boolean {
    const { listed } = this;
    const prefix = bytesFromPath(`${directory}/`);
    let [from, to] = [0, listed.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const start = middle === 0 ? 0 : listed.lastIndexOf(0, middle - 1) + 1;
      const end = listed.indexOf(0, middle);
      if (this.#path(start, end).compare(prefix) < 0) from = end + 1;
      else to = start;
    }
    const path = this.#path(from, listed.indexOf(0, from));
    return path.subarray(0, prefix.length).equals(prefix);
  }

  /** Returns the paths of its submodules. */
  submodules(): string[] {
    const found: string[] = [];
    for (let at = 0; (at = this.listed.indexOf(SUBMODULE, at)) >= 0; at += SUBMODULE.length) {
      if (at > 0 && this.listed[at - 1] !== 0) continue; // in somebody's path
      found.push(pathFromBytes(this.#path(at, this.listed.indexOf(0, at))));
    }
    return found;
  }

  #path(start: number, end: number): Buffer {
    return this.listed.subarray(this.listed.indexOf(9, start) + 1, end);
  }
}
