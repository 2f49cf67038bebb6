/**
 * Whether a worker takes steps: people can send it to rest and back to work.
 */
export class Duty {
  #paused = false;
  readonly #listeners = new Set<() => Promise<void>>();

  get paused(): boolean {
    return this.#paused;
  }

  /** Resolves once it is so: to false when it was so already. */
  async set(paused: boolean): Promise<boolean> {
    if (paused === this.#paused) return false;
    this.#paused = paused;
    await Promise.all([...this.#listeners].map((listener) => listener()));
    return true;
  }

  /** Returns what ends the listening. */
  onChange(listener: () => Promise<void>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
