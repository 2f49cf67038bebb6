/**
 * What landings came to, whole, in the run's directory: the run's own record holds as much of it as a workflow can carry.
 */
import type { Client } from '@temporalio/client';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../os/json-file.js';
import type { Json } from '../plan/plan.js';
import type { RunRecord } from '../plan/record.js';
import { LANDING_QUERY, landingId, type LandingReport } from '../workflows/landing-api.js';
import { runFiles } from './layout.js';
import { writeWhole } from './whole-file.js';

const ANSWER_MS = 20_000;

export const landingFile = (home: string, runId: string, step: string): string =>
  join(runFiles(home, runId).directory, step === 'landing' ? 'landing.json' : `landing-${step}.json`);

/** Asks the landings of a run what they came to, and keeps it. One that was never started, or is gone, leaves no file. */
export async function keepLandings(
  client: Client,
  home: string,
  { head, plan, steps }: RunRecord,
): Promise<void> {
  const started = new Set(steps.flatMap(({ id, launchedAt }) => (launchedAt === null ? [] : [id as string])));
  for (const { id, work } of plan.steps) {
    if (work.kind !== 'landing' || !started.has(id)) continue;
    const report = await client
      .withDeadline(Date.now() + ANSWER_MS, () =>
        client.workflow.getHandle(landingId(head.runId, id)).query<LandingReport>(LANDING_QUERY),
      )
      .catch(() => null); // the record has the most of it
    if (report !== null)
      await writeWhole(landingFile(home, head.runId, id), [
        `${JSON.stringify({ format: 1, ...report }, null, 1)}\n`,
      ]);
  }
}

/** Returns the record with all that is kept of its landings. */
export function withLandings(home: string, record: RunRecord): RunRecord {
  const isLanding = new Set(
    record.plan.steps.flatMap(({ id, work }) => (work.kind === 'landing' ? [id as string] : [])),
  );
  const steps = record.steps.map((step) => {
    const file = isLanding.has(step.id) ? landingFile(home, record.head.runId, step.id) : null;
    const kept = file !== null && existsSync(file) ? (readJson(file) as Partial<LandingReport> | null) : null;
    if (kept?.gateRuns === undefined) return step;
    const whole = { gateRuns: kept.gateRuns as unknown as Json, gateRunsOmitted: kept.gateRunsOmitted ?? 0 };
    return { ...step, outputs: { ...step.outputs, ...whole } };
  });
  return { ...record, steps };
}
