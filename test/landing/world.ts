/**
 * A pretended repository with pretended gates, in virtual time: what a landing queue asks for is done after a while, in the
 * order in which it ends. The same seed gives the same day.
 */
import {
  isLandingOver,
  newLanding,
  type Landable,
  type Landing,
  type LandingCommand,
  type LandingEvent,
  type MergeAnswer,
  type Resolution,
} from '../../src/landing/landing.js';
import type { Policy } from '../../src/landing/policy.js';
import { take } from '../../src/landing/take.js';

/** What is true of the patches, whoever lands them. */
export interface Truth {
  readonly patches: readonly Landable[];
  /** Sets of patches that break a gate when all of a set are in one tree. */
  readonly breaks: readonly { readonly all: readonly string[]; readonly gate: string }[];
  /** Pairs that cannot be merged: the second not where the first is. `base` as the first: nowhere. */
  readonly conflicts: readonly (readonly [string, string])[];
  /** Patches whose conflicts somebody can resolve, where the policy has somebody; left out: none. */
  readonly resolvable?: readonly string[];
}

export interface Times {
  readonly gateSec: number;
  readonly mergeSec: number;
  readonly landSec: number;
  /** Left out: 3. */
  readonly resolveSec?: number;
}

export interface Flakes {
  /** How often a gate is red for no reason. */
  readonly rate: number;
  /** The most accidents on one tree, for laws that must hold always; none: Infinity. */
  readonly mostPerTree: number;
}

export interface Day {
  readonly landing: Landing;
  /** Ids in the order in which they landed. */
  readonly landed: readonly string[];
  readonly seconds: number;
  readonly gateRuns: number;
  /** Every tree the branch was moved to. */
  readonly tips: readonly string[];
}

/** A small generator of random numbers (mulberry32): the day replays from its seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Trees and commits are named by what is in them: `base+a+b`. */
export const patchesOf = (tree: string): string[] => tree.split('+').slice(1);

export const breaksOf = (truth: Truth, tree: string): Set<string> => {
  const held = new Set(patchesOf(tree));
  return new Set(truth.breaks.filter(({ all }) => all.every((id) => held.has(id))).map(({ gate }) => gate));
};

export const conflictsWith = (truth: Truth, tree: string, patch: string): boolean => {
  const held = new Set(patchesOf(tree));
  return truth.conflicts.some(([first, second]) => second === patch && (first === 'base' || held.has(first)));
};

export interface Setting {
  readonly truth: Truth;
  readonly policy: Policy;
  readonly times: Times;
  readonly flakes: Flakes;
  readonly seed: number;
  /** Seconds at which somebody else moves the branch. */
  readonly strangers?: readonly number[];
  /** Patches come one by one, at these seconds, instead of all at once. */
  readonly arrivals?: readonly number[];
  /** Is told of every command, and of the state after every event. */
  readonly watch?: (landing: Landing, commands: readonly LandingCommand[]) => void;
}

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly make: () => LandingEvent | null;
  readonly run: number | null;
  /** The candidate it resolves the conflicts of. */
  readonly resolves?: number;
}

/** What one more merge in a row takes, as a share of the first: two programs beside six. */
const FURTHER = 0.4;
/** More would not be patience but a queue that never ends. */
const MAX_EVENTS = 100_000;

/** Lives through a day: until every patch is decided. */
export function live(setting: Setting): Day {
  const { truth, policy, times, flakes, arrivals, strangers = [] } = setting;
  const random = randomOf(setting.seed);
  const landing = newLanding(policy, { commit: 'base', tree: 'base' }, true);
  const pending: Pending[] = [];
  const accidents = new Map<string, number>();
  const tips: string[] = [];
  let branch = 'base';
  let now = 0;
  let order = 0;
  let gateRuns = 0;
  const later = (
    seconds: number,
    make: Pending['make'],
    run: number | null = null,
    more: Partial<Pending> = {},
  ): void => {
    order += 1;
    pending.push({ at: now + seconds, order, make, run, ...more });
  };
  const wobble = (seconds: number): number => seconds * (0.9 + 0.2 * random());

  const carryOut = (command: LandingCommand): void => {
    switch (command.kind) {
      case 'merge': {
        // In a row much is asked and written once.
        const further = (command.above?.length ?? 0) * FURTHER;
        later(wobble(times.mergeSec * (1 + further)), () => merged(truth, command));
        break;
      }
      case 'run-gates': {
        gateRuns += 1;
        const bad = breaksOf(truth, command.tree);
        const results = Object.fromEntries(
          command.gates.map((gate) => {
            if (bad.has(gate)) return [gate, 'red'] as const;
            const so = accidents.get(`${command.tree} ${gate}`) ?? 0;
            const isAccident = so < flakes.mostPerTree && random() < flakes.rate;
            if (isAccident) accidents.set(`${command.tree} ${gate}`, so + 1);
            return [gate, isAccident ? 'red' : 'green'] as const;
          }),
        );
        later(wobble(times.gateSec), () => ({ kind: 'gated', run: command.run, results }), command.run);
        break;
      }
      case 'stop-gates': {
        const at = pending.findIndex(({ run }) => run === command.run);
        if (at >= 0) pending.splice(at, 1);
        break;
      }
      case 'land':
        later(wobble(times.landSec), () => {
          if (branch !== command.from) return { kind: 'land-lost', commit: branch, tree: branch };
          branch = command.to;
          tips.push(branch);
          return { kind: 'landed' };
        });
        break;
      case 'resolve':
        later(wobble(times.resolveSec ?? 3), () => resolved(truth, command), null, {
          resolves: command.candidate,
        });
        break;
      case 'stop-resolve': {
        const at = pending.findIndex(({ resolves }) => resolves === command.candidate);
        if (at >= 0) pending.splice(at, 1);
        break;
      }
      case 'decided':
        break;
    }
  };
  const tell = (event: LandingEvent): void => {
    const commands = take(landing, event);
    setting.watch?.(landing, commands);
    commands.forEach(carryOut);
  };

  strangers.forEach((seconds, index) =>
    later(seconds, () => {
      branch = `${branch}+stranger${index}`;
      tips.push(branch);
      return { kind: 'base-moved', commit: branch, tree: branch };
    }),
  );
  if (arrivals === undefined) {
    tell({ kind: 'enqueued', patches: truth.patches });
    tell({ kind: 'closed' });
  } else {
    truth.patches.forEach((patch, index) =>
      later(arrivals[index]!, () => ({ kind: 'enqueued', patches: [patch] })),
    );
    later(Math.max(0, ...arrivals) + 0.001, () => ({ kind: 'closed' }));
  }
  for (let events = 0; pending.length > 0 && !isLandingOver(landing); events += 1) {
    if (events > MAX_EVENTS) throw new Error('this queue does not end');
    let first = 0;
    pending.forEach(({ at, order: place }, index) => {
      if (at < pending[first]!.at || (at === pending[first]!.at && place < pending[first]!.order))
        first = index;
    });
    const [next] = pending.splice(first, 1);
    now = next!.at;
    const event = next!.make();
    if (event !== null) tell(event);
  }
  const landed = patchesOf(branch).filter((id) => !id.startsWith('stranger'));
  return { landing, landed, seconds: now, gateRuns, tips };
}

function merged(truth: Truth, command: Extract<LandingCommand, { kind: 'merge' }>): LandingEvent {
  let commit = command.onto;
  const answers: MergeAnswer[] = [];
  for (const { candidate, patches } of [command, ...(command.above ?? [])]) {
    for (const patch of patches) {
      if (conflictsWith(truth, commit, patch)) {
        const conflict = { kind: 'content', files: ['f'], with: [], detail: '' } as const;
        return {
          kind: 'merged-in-a-row',
          answers: [...answers, { kind: 'conflicted', candidate, patch, conflict }],
        };
      }
      commit += `+${patch}`;
    }
    answers.push({ kind: 'merged', candidate, commit, tree: commit });
  }
  return { kind: 'merged-in-a-row', answers };
}

/** The text of whoever resolves conflicts is as good as the patch is. */
function resolved(
  { resolvable = [] }: Truth,
  { candidate, onto, patch }: Extract<LandingCommand, { kind: 'resolve' }>,
): LandingEvent {
  const conflict = { kind: 'content', files: ['f'], with: [], detail: 'nobody knows' } as const;
  if (!resolvable.includes(patch)) return { kind: 'conflicted', candidate, patch, conflict };
  const commit = `${onto}+${patch}`;
  return { kind: 'merged', candidate, commit, tree: commit, resolved: [RESOLUTION] };
}

export const RESOLUTION: Resolution = {
  ...{ path: 'f', by: 'resolver', confidence: 0.9, note: null, seconds: 1, deleted: false, lesson: null },
};

/** What a queue lands that takes one patch after the other and is never deceived. */
export function serialTruth(
  truth: Truth,
  order: readonly Landable[],
  { resolves }: Pick<Policy, 'resolves'> = {},
): string[] {
  const mends = (id: string): boolean => resolves === true && (truth.resolvable ?? []).includes(id);
  let tree = 'base';
  const landed = new Set<string>();
  for (const { id, dependsOn } of order) {
    if (!dependsOn.every((on) => landed.has(on))) continue;
    if ((conflictsWith(truth, tree, id) && !mends(id)) || breaksOf(truth, `${tree}+${id}`).size > 0) continue;
    tree += `+${id}`;
    landed.add(id);
  }
  return patchesOf(tree);
}
