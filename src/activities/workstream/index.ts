/**
 * The activities of workstreams and landing, put together.
 */
import type { LandingActivities } from '../../workflows/landing-api.js';
import type { WorkstreamActivities } from './api.js';
import { findTipIn, mergeForLandingIn, releaseMergesIn } from './merge-for-landing.js';
import { moveBranchIn } from './move-branch.js';
import { resolveForLandingIn } from './resolve-for-landing.js';
import { runGatesIn } from './run-gates.js';
import { runWorkstreamIn } from './run-workstream.js';
import type { WorkstreamWorld } from './start-line.js';

/** Returns the activities that a worker offers. */
export function workstreamActivities(world: WorkstreamWorld): WorkstreamActivities & LandingActivities {
  const steady = { ...world, env: { ...world.env } };
  return {
    runWorkstream: runWorkstreamIn(steady),
    findTip: findTipIn(steady),
    mergeForLanding: mergeForLandingIn(steady),
    resolveForLanding: resolveForLandingIn(steady),
    runGates: runGatesIn(steady),
    releaseMerges: releaseMergesIn(steady),
    moveBranch: moveBranchIn(steady),
  };
}
