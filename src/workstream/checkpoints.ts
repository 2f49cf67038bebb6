/**
 * What becomes of work whose worker is lost in the middle.
 */

/** `restart`: it is begun again. `continue`: what had been written is laid before the tool, wherever it is started next. */
export const ON_WORKER_LOST = ['restart', 'continue'] as const;

/** How often what a tool writes is kept, with `continue`. */
export const DEFAULT_CHECKPOINT_SEC = 30;
export const MAX_CHECKPOINT_SEC = 3_600;
