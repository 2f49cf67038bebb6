import { expect, test } from 'vitest';
import type { Fate } from '../../src/landing/landing.js';
import type { LandingReport } from '../../src/workflows/landing-api.js';
import { landingOutputs, whyNotAll } from '../../src/workflows/landing-outputs.js';

const refused = {
  reason: 'landing-refused',
  detail: '/me has changes that are not committed: a.txt',
} as const;
const proof = { together: ['ws-a'], onto: 'b', commit: 'c', tree: 't', gates: {} };

const stopped = (fates: Record<string, Fate>): LandingReport => ({
  fates: Object.fromEntries(Object.entries(fates).map(([id, fate]) => [id, { fate, at: 1 }])),
  ...{ gateRuns: [], gateRunsOmitted: 0, conflicts: [], moves: [], tip: 'b', halt: refused, canceled: false },
});

test('what keeps the branch where it is is said once, and of each patch that was ready to land', () => {
  const report = stopped({ 'ws-a': { kind: 'approved', proof }, 'ws-b': { kind: 'held', why: refused } });
  const why = 'the branch may not be moved: /me has changes that are not committed: a.txt';
  expect(whyNotAll(report, 'main', ['ws-c'])).toBe(
    `1 approved, 1 held; ${why}; ws-c: brought no patch that may land`,
  );
  expect(landingOutputs(report)['patches']).toMatchObject([
    { workstream: 'ws-a', state: 'approved', reason: why },
    { workstream: 'ws-b', state: 'held', reason: why },
  ]);
});
