/**
 * How boldly a landing queue works ahead. Every number changes how long it takes and what it costs, none what lands.
 */

export interface Policy {
  /** The gates a tree must pass, in the order in which they are run. */
  readonly gates: readonly string[];
  /** Trees gated at the same time. */
  readonly slots: number;
  /** The most patches one gate run stands for; 1: the tree of every single commit is gated. */
  readonly maxBatch: number;
  /** A gate run starts only when the chance that its result is of use is at least this. */
  readonly minUse: number;
  /** The same for merges, which cost next to nothing: a tree that is made by then need not be waited for. */
  readonly minMergeUse: number;
  /** The most merges, one on top of the other, that are asked for at once; left out: one. */
  readonly mergesInRow?: number;
  /**
   * Runs start in rounds: a round is over, and the next begins, when no more than this many of its runs are under way. A
   * stream without rounds would be just as quick, but when a patch turns out bad, all that was started above it while it
   * ran is for nothing; in a round, where its neighbours end with it, that is half as much.
   */
  readonly stragglers: number;
  /** A batch is as large as it can be and still pass with this chance. */
  readonly minBatchGood: number;
  /**
   * How often a gate must be seen red before a patch is blamed: at least twice on the patch's own tree. Red trees above it
   * that are green without the patch count too: they tell as much, and have been paid for.
   */
  readonly redsNeeded: number;
  /** How often a gate is red for no reason, as far as it is known: an estimate for the odds, not a rule. */
  readonly flakeRate: number;
  /** The share of bad patches expected before any was seen, and how many patches that belief is worth. */
  readonly badRate: number;
  readonly badRateWeight: number;
  /** Somebody can be asked about conflicts; left out: nobody can. */
  readonly resolves?: boolean;
}

export const DEFAULT_POLICY: Policy = {
  gates: [],
  slots: 4,
  maxBatch: 1,
  minUse: 0.64,
  minMergeUse: 0.2,
  mergesInRow: 8,
  stragglers: 0,
  minBatchGood: 0.6,
  redsNeeded: 4,
  flakeRate: 0.05,
  badRate: 0.1,
  badRateWeight: 100,
};
