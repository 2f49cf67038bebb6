/**
 * Every step type, by the name that `uses` gives it.
 */
import { approval } from './approval.js';
import { command } from './command.js';
import { forEach } from './for-each.js';
import { landing } from './landing.js';
import { plan } from './plan.js';
import type { StepType } from './step-type.js';
import { workstream } from './workstream.js';

export const STEP_TYPES: readonly StepType[] = [command, plan, forEach, approval, workstream, landing];

const byName = new Map(STEP_TYPES.map((type) => [type.uses as string, type]));

/** Returns the type of that name; nothing named means `command`. */
export const stepTypeOf = (uses: unknown): StepType | undefined =>
  uses === undefined ? command : typeof uses === 'string' ? byName.get(uses) : undefined;
