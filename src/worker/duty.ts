/**
 * Whether a worker takes steps: people can send it to rest and back to work.
 */
export class Duty {
  #paused = false;
  readonly #listeners = new Set<() => void>();

  get paused(): boolean {
    return this.#paused;
  }

  /** Returns false when it was so already. */
  set(paused: boolean): boolean {
    if (paused === this.#paused) return false;
    this.#paused = paused;
    for (const listener of this.#listeners) listener();
    return true;
  }

  /** Returns what ends the listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
