/**
 * The end of a patch, and what it changes in the line.
 */
import { dropUnits } from './candidates.js';
import type { Fate, Landing, LandingCommand, PatchId, Unit } from './landing.js';

/** Notes what a patch came to. Every change of a fate passes through here. */
export function decide(landing: Landing, patch: PatchId, fate: Fate, commands: LandingCommand[]): void {
  landing.patches[patch]!.fate = fate;
  commands.push({ kind: 'decided', patch, fate });
}

/** Ends an undecided patch that does not land, and takes it out of the line. */
export function leaveOut(landing: Landing, patch: PatchId, fate: Fate, commands: LandingCommand[]): void {
  decide(landing, patch, fate, commands);
  landing.mayBlock = true;
  landing.waiting = landing.waiting.filter((id) => id !== patch);
  const unit = landing.line.find(({ patches }) => patches.includes(patch));
  if (unit !== undefined) replaceUnit(landing, unit, [unit.patches.filter((id) => id !== patch)]);
}

/** Takes a unit apart, or leaves a patch out of it; what was made of it is forgotten. */
export function replaceUnit(landing: Landing, unit: Unit, parts: readonly (readonly PatchId[])[]): void {
  const units = parts
    .filter((patches) => patches.length > 0)
    .map((patches): Unit => ({ id: landing.nextId++, patches }));
  landing.line.splice(landing.line.indexOf(unit), 1, ...units);
  dropUnits(landing, new Set([unit.id]));
}
