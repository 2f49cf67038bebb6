/**
 * What a workstream is given to work with: its tools, how its worktree is made, what is checked, what a patch may be. Taken
 * from the configuration when the plan is made: a change of it later changes no run that goes on.
 */
import type { ConflictHelp, WorkstreamWork } from '../plan/plan.js';
import { quote } from '../plan/quote.js';
import type { BudgetLimits } from '../plan/budget.js';
import type { BreakerLimits } from './breaker.js';
import type { PatchConstraints } from './constraints.js';
import type { CheckStep } from './fix-loop.js';
import type { WorkstreamSettings } from './settings.js';
import { toolsOf, type Tool } from './tool/registry.js';
import type { GateType, TestGate } from './workstream.js';

export interface WorkstreamMeans {
  /** In the order of `work.tools`. */
  readonly tools: readonly Tool[];
  readonly isolation: 'worktree' | 'clone';
  /** Shell lines that make a fresh worktree ready: dependencies. */
  readonly setup: readonly string[];
  /** Beside the acceptance tests. */
  readonly checks: readonly WorkstreamCheck[];
  readonly checkTimeoutSec: number;
  readonly constraints: PatchConstraints;
  /** So much must be left on the disk. */
  readonly minFreeBytes: number;
  /** Who is asked when what it starts from is in conflict; left out of plans of before: nobody. */
  readonly help?: ConflictHelp;
  /** How often what a tool writes is kept, to be gone on with elsewhere; left out: what was lost is begun again. */
  readonly checkpointSec?: number;
  /** When the breakers of its tools open. */
  readonly breaker: BreakerLimits;
  /** What it means that `work.maxCostUsd` is used up. */
  readonly budgetMode: BudgetLimits['mode'];
}

/** One command that the files must pass. */
export interface WorkstreamCheck {
  readonly step: CheckStep;
  readonly name: string;
  /** A shell line; its exit code decides. */
  readonly line: string;
  readonly timeoutSec: number;
  /** False: a failure is told and stops nothing. */
  readonly blocking: boolean;
}

/** The gate of the configuration that a type of gate means, by its name. */
const GATE_NAMES: Readonly<Record<GateType, string>> = {
  GATE_LINT: 'lint',
  GATE_UNIT: 'unit',
  GATE_INTEGRATION: 'integration',
  GATE_SECURITY: 'security',
};

/** An acceptance test has no limit of its own. */
const CHECK_TIMEOUT_SEC = 1_800;

const MIB = 1024 * 1024;

/** Returns the means of one workstream. Tools that may not be used are left out. */
export function meansOf(
  settings: WorkstreamSettings,
  tools: readonly string[],
  testGates: readonly TestGate[],
): WorkstreamMeans {
  const usable = toolsOf(settings.tools, settings.enabledTools);
  return {
    tools: tools.flatMap((name) => usable[name] ?? []),
    isolation: settings.isolation.strategy,
    setup: settings.isolation.setup,
    checks: testGates.flatMap((gate) => checkOf(settings, gate)),
    checkTimeoutSec: CHECK_TIMEOUT_SEC,
    constraints: settings.patches,
    minFreeBytes: settings.isolation.min_free_mb * MIB,
    help: settings.landing.conflicts,
    ...checkpointsOf(settings.execution),
    breaker: settings.breaker,
    budgetMode: settings.budget.mode,
  };
}

/** Only what is to be gone on with is kept. */
const checkpointsOf = ({
  on_worker_lost: policy,
  checkpoint_seconds: seconds,
}: WorkstreamSettings['execution']): Pick<WorkstreamMeans, 'checkpointSec'> =>
  policy === 'continue' ? { checkpointSec: seconds } : {};

/** A gate that is asked for and not there stops the work as one that fails does, unless it is not required. */
function checkOf({ gates }: WorkstreamSettings, { type, required, blocking }: TestGate): WorkstreamCheck[] {
  const name = GATE_NAMES[type];
  const gate = gates.find((one) => one.name === name);
  const step = type === 'GATE_LINT' ? 'static' : 'runtime';
  if (gate !== undefined) {
    const { command: line, timeoutSec } = gate;
    return [{ step, name, line, timeoutSec, blocking: required && blocking }];
  }
  if (!required) return [];
  const words = `the configuration has no gate ${quote(name)}, which ${type} means`;
  return [{ step, name, line: `echo '${words}' >&2; exit 1`, timeoutSec: 60, blocking }];
}

/** Means as a plan carries them: nothing but the step itself reads them. */
export const packMeans = (means: WorkstreamMeans): WorkstreamWork['means'] =>
  means as unknown as WorkstreamWork['means'];
