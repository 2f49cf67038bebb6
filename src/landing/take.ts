/**
 * The landing queue at work: takes in what happened, decides what can be decided, and says what is to be done next.
 *
 * What lands is what the serial queue would land that takes one patch at a time; working ahead only makes it quicker.
 */
import { finishMove, startMove, startOver } from './branch.js';
import { childOf, descendantsOf, parentOf, raiseRoot } from './candidates.js';
import { chanceOf } from './chance.js';
import { decide, leaveOut, replaceUnit } from './decide.js';
import { confirmedRed, isGreen, recordResults, redsOn, treeOf } from './gates.js';
import type {
  Candidate,
  Halt,
  Landable,
  Landing,
  LandingCommand,
  LandingEvent,
  MergeAnswer,
  PatchId,
  Proof,
  Unit,
} from './landing.js';
import { landingOrder } from './order.js';
import { speculate, startGates, stopIdleRuns } from './speculate.js';

/** Takes in one event. Changes `landing`; the commands are to be carried out, in this order. */
export function take(landing: Landing, event: LandingEvent): LandingCommand[] {
  const commands: LandingCommand[] = [];
  landing.mayBlock = event.kind === 'enqueued' || event.kind === 'absent' || event.kind === 'closed';
  takeIn(landing, event, commands);
  while (landing.halt === null) {
    const isDone = !decideHead(landing, commands) && !splitBatches(landing) && !blockLost(landing, commands);
    if (isDone) break;
  }
  commands.push(...stopIdleRuns(landing));
  if (landing.halt !== null) return commands;
  startMove(landing, commands);
  return [...commands, ...speculate(landing)];
}

function takeIn(landing: Landing, event: LandingEvent, commands: LandingCommand[]): void {
  switch (event.kind) {
    case 'enqueued':
      enqueue(landing, event.patches, commands);
      break;
    case 'absent':
      landing.absent[event.patch] = event.outcome;
      break;
    case 'closed':
      landing.closed = true;
      break;
    case 'merged':
    case 'conflicted':
      takeInMerges(landing, [event]);
      break;
    case 'merged-in-a-row':
      takeInMerges(landing, event.answers);
      break;
    case 'gated': {
      const run = landing.runs[event.run];
      if (run === undefined) break; // stopped meanwhile
      delete landing.runs[event.run];
      recordResults(landing, run.tree, withSilence(run.gates, event.results));
      landing.isRoundOpen = false;
      break;
    }
    case 'landed':
      finishMove(landing, commands);
      break;
    case 'land-lost':
      // A retry of the move finds what the first try did: then it is ours.
      if (event.commit === landing.move?.to) finishMove(landing, commands);
      else startOver(landing, event, commands);
      break;
    case 'base-moved':
      if (landing.move === null && event.commit !== landing.base.commit) startOver(landing, event, commands);
      break;
    case 'land-refused':
      landing.approved = [...(landing.move?.patches ?? []), ...landing.approved];
      landing.move = null;
      halt(landing, { reason: 'landing-refused', detail: event.detail }, commands);
      break;
    case 'withdrawn':
      if (landing.patches[event.patch]?.fate.kind === 'waiting') {
        leaveOut(landing, event.patch, { kind: 'withdrawn', reason: event.reason }, commands);
      }
      break;
  }
}

function takeInMerges(landing: Landing, answers: readonly MergeAnswer[]): void {
  for (const answer of answers) takeInMerge(landing, answer);
  // What was to stand on a conflict was not made, and is forgotten.
  for (const { candidate } of answers) {
    const above = descendantsOf(landing, candidate).filter(({ state }) => state.kind === 'merging');
    for (const { id } of above) delete landing.candidates[id];
  }
}

function takeInMerge(landing: Landing, event: MergeAnswer): void {
  const wasResolving = landing.resolving?.includes(event.candidate) ?? false;
  if (wasResolving) landing.resolving = landing.resolving!.filter((id) => id !== event.candidate);
  const candidate = landing.candidates[event.candidate];
  // One that was given up meanwhile is of no more use.
  if (candidate?.state.kind !== (wasResolving ? 'resolving' : 'merging')) return;
  if (event.kind === 'conflicted') {
    const { patch, conflict } = event;
    candidate.state = { kind: 'conflicted', patch, conflict, ...(wasResolving ? { isFinal: true } : {}) };
    return;
  }
  const { commit, tree, resolved = [] } = event;
  candidate.state = { kind: 'merged', commit, tree, ...(resolved.length > 0 ? { resolved } : {}) };
}

/** A run that says nothing of any gate it was asked for would be asked again for ever: silence is an error of the first. */
function withSilence(
  gates: readonly string[],
  results: Readonly<Record<string, 'green' | 'red' | 'error'>>,
): Readonly<Record<string, 'green' | 'red' | 'error'>> {
  const said = Object.fromEntries(Object.entries(results).filter(([gate]) => gates.includes(gate)));
  return Object.keys(said).length === 0 && gates[0] !== undefined ? { [gates[0]]: 'error' } : said;
}

function enqueue(landing: Landing, patches: readonly Landable[], commands: LandingCommand[]): void {
  for (const patch of patches) {
    if (landing.patches[patch.id] !== undefined) continue; // told twice
    landing.patches[patch.id] = { ...patch, fate: { kind: 'waiting' } };
    landing.waiting.push(patch.id);
    if (landing.halt !== null) decide(landing, patch.id, { kind: 'held', why: landing.halt }, commands);
  }
  if (landing.halt !== null) landing.waiting = [];
  landing.waiting = landingOrder(landing.waiting.map((id) => landing.patches[id]!)).map(({ id }) => id);
}

/** Decides the first in line, if enough is known. Returns whether it did. */
function decideHead(landing: Landing, commands: LandingCommand[]): boolean {
  const [unit] = landing.line;
  if (unit === undefined) return false;
  const candidate = childOf(landing, landing.root, unit.id);
  if (candidate === undefined || candidate.state.kind === 'merging' || candidate.state.kind === 'resolving')
    return false;
  const [patch] = unit.patches;
  if (candidate.state.kind === 'conflicted') {
    if (unit.patches.length > 1) return splitAround(landing, unit, candidate.state.patch);
    if (startResolving(landing, candidate, commands)) return false;
    leaveOut(
      landing,
      patch!,
      { kind: 'quarantined', why: { reason: 'conflict', conflict: candidate.state.conflict } },
      commands,
    );
    return true;
  }
  if (isGreen(landing, candidate.state.tree)) {
    approve(landing, unit, candidate, commands);
    return true;
  }
  const red = unit.patches.length > 1 ? null : confirmedRed(landing, candidate);
  if (red === null) return false;
  const ground = checkGround(landing, commands);
  if (ground !== 'green') return ground === 'halted';
  landing.decided += 1;
  landing.bad += 1;
  const why = { reason: 'gate-red', tree: candidate.state.tree, ...red } as const;
  leaveOut(landing, patch!, { kind: 'quarantined', why }, commands);
  return true;
}

/**
 * Has a conflict resolved, once. Only of the first in line, whose ground is decided: further up it may be a conflict with a
 * patch that does not land. Returns whether it has begun.
 */
function startResolving(landing: Landing, candidate: Candidate, commands: LandingCommand[]): boolean {
  const { state } = candidate;
  const below = landing.candidates[landing.root]!.state;
  if (state.kind !== 'conflicted' || below.kind !== 'merged')
    throw new Error('BUG: only conflicts with the tip are resolved');
  // What git could not even try is no conflict that somebody could resolve.
  if (landing.policy.resolves !== true || state.isFinal === true || state.conflict.kind === 'failed')
    return false;
  const { patch, conflict } = state;
  candidate.state = { kind: 'resolving', patch, conflict };
  landing.resolving = [...(landing.resolving ?? []), candidate.id];
  commands.push({ kind: 'resolve', candidate: candidate.id, onto: below.commit, patch });
  return true;
}

/** Nobody is blamed for what was red before: a tip that was never gated is gated first. */
function checkGround(landing: Landing, commands: LandingCommand[]): 'green' | 'open' | 'halted' {
  const root = landing.candidates[landing.root]!;
  const { state } = root;
  if (state.kind !== 'merged') throw new Error('BUG: the root of a landing queue is not merged');
  if (isGreen(landing, state.tree)) return 'green';
  const red = confirmedRed(landing, root);
  if (red !== null) {
    halt(landing, { reason: 'base-red', gate: red.gate, commit: state.commit }, commands);
    return 'halted';
  }
  const run = startGates(landing, root);
  if (run !== null) commands.push(run);
  return 'open';
}

/** A batch with less hope than this is taken apart rather than run again: its halves are run anyway. */
const MIN_HOPE = 0.3;

/** Takes red batches apart whose ground is known to be good. Returns whether it did. */
function splitBatches(landing: Landing): boolean {
  for (const candidate of Object.values(landing.candidates)) {
    const tree = treeOf(candidate);
    const ground = parentOf(landing, candidate);
    if (candidate.patches.length < 2 || tree === null || ground === undefined) continue;
    if (redsOn(landing, tree) === 0 || isGreen(landing, tree)) continue;
    const isFirm = ground.id === landing.root || isGreen(landing, treeOf(ground)!);
    if (!isFirm || (chanceOf(landing, candidate) >= MIN_HOPE && redsOn(landing, tree) < 2)) continue;
    const unit = landing.line.find(({ id }) => id === candidate.unit)!;
    const half = Math.ceil(unit.patches.length / 2);
    replaceUnit(landing, unit, [unit.patches.slice(0, half), unit.patches.slice(half)]);
    return true;
  }
  return false;
}

function splitAround(landing: Landing, unit: Unit, patch: PatchId): true {
  const at = unit.patches.indexOf(patch);
  if (at < 0) throw new Error(`BUG: patch "${patch}" is not in the unit that conflicted`);
  replaceUnit(landing, unit, [unit.patches.slice(0, at), [patch], unit.patches.slice(at + 1)]);
  return true;
}

function approve(landing: Landing, unit: Unit, candidate: Candidate, commands: LandingCommand[]): void {
  const { state } = candidate;
  const below = parentOf(landing, candidate)!.state;
  if (state.kind !== 'merged' || below.kind !== 'merged')
    throw new Error('BUG: only merged candidates are approved');
  const gates = Object.fromEntries(
    landing.policy.gates.map((gate) => [gate, { ...landing.trees[state.tree]![gate]! }]),
  );
  const proof: Proof = {
    together: unit.patches,
    onto: below.commit,
    commit: state.commit,
    tree: state.tree,
    gates,
    ...(state.resolved === undefined ? {} : { resolved: state.resolved }),
  };
  landing.line.shift();
  landing.decided += unit.patches.length;
  for (const patch of unit.patches) {
    landing.approved.push(patch);
    decide(landing, patch, { kind: 'approved', proof }, commands);
  }
  raiseRoot(landing, candidate);
}

/** Ends the patches that wait for one that will not land. Returns whether there were any. */
function blockLost(landing: Landing, commands: LandingCommand[]): boolean {
  const isStuck = landing.closed && landing.line.length === 0 && landing.waiting.length > 0;
  if (!landing.mayBlock && !isStuck) return false;
  landing.mayBlock = false;
  const undecided = [...landing.line.flatMap(({ patches }) => patches), ...landing.waiting];
  let isAnyLost = false;
  for (const patch of undecided) {
    // Those that wait for this one come behind it, so one walk finds them all.
    const by = landing.patches[patch]!.dependsOn.find((id) => isLost(landing, id));
    if (by === undefined) continue;
    leaveOut(landing, patch, { kind: 'blocked', by }, commands);
    isAnyLost = true;
  }
  if (isAnyLost) return true;
  if (!isStuck) return false;
  // With nothing more to come and nothing before it, the next patch can only wait for itself.
  const place = new Map(landing.waiting.map((patch, at) => [patch, at]));
  for (const [at, patch] of landing.waiting.entries()) {
    const by = landing.patches[patch]!.dependsOn.find((id) => (place.get(id) ?? -1) >= at);
    if (by === undefined) continue;
    leaveOut(landing, patch, { kind: 'blocked', by }, commands);
    return true;
  }
  return false;
}

function isLost(landing: Landing, id: PatchId): boolean {
  const fate = landing.patches[id]?.fate.kind;
  if (fate === undefined)
    return landing.absent[id] === 'failed' || (landing.closed && landing.absent[id] === undefined);
  return fate === 'quarantined' || fate === 'blocked' || fate === 'withdrawn' || fate === 'held';
}

/** Stops the queue: what is undecided is held, with nothing said against it. */
function halt(landing: Landing, why: Halt, commands: LandingCommand[]): void {
  landing.halt = why;
  const open = [...landing.approved, ...landing.line.flatMap(({ patches }) => patches), ...landing.waiting];
  for (const patch of open) decide(landing, patch, { kind: 'held', why }, commands);
  landing.approved = [];
  landing.line = [];
  landing.waiting = [];
  landing.runs = {};
}
