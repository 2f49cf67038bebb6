/**
 * The common part of commands that start a run: start it, say so, follow it or leave it to itself.
 */
import type { Link } from '../client/link.js';
import type { StartedRun } from '../client/start-run.js';
import { webUiOf } from '../client/web-ui.js';
import type { Plan } from '../plan/plan.js';
import { paintOf, print, printJsonLine, tellTo } from './command.js';
import { followToEnd } from './follow-command.js';
import { programName } from './program-name.js';
import { labelled, planLine } from './report.js';
import { oneLine } from './text/neutralise.js';
import type { ExitCode, World } from './world.js';

export interface StartPlan {
  readonly plan: Plan;
  readonly start: () => Promise<StartedRun>;
  readonly json: boolean;
  readonly detach: boolean;
  /** Lines to end with, once the run is known. */
  readonly last?: (runId: string) => readonly string[];
}

/** Starts a run, with the server and worker it needs, and follows it to its end unless it is detached. */
export async function startAndFollow(
  world: World,
  link: Link,
  { plan, start, json, detach, last }: StartPlan,
): Promise<ExitCode> {
  const ready = link.ensureWorker();
  ready.catch(() => undefined); // awaited below, once the run is there or failed to be
  await link.client(); // may take minutes the first time; until here Ctrl-C simply ends this process
  let interrupted = 0;
  const forget = world.onInterrupt(() => (interrupted += 1)); // from here on there may be a run to cancel
  world.goOnUnread();
  const { runId, notes } = await start();
  for (const note of notes) tellTo(world)(note);
  const webUi = webUiOf(await link.target(), runId);
  if (json) printJsonLine(world, { run_id: runId, type: 'run', plan_id: plan.planId, web_ui: webUi });
  else if (!detach) sayWhatRuns(world, plan, webUi);
  await ready.catch((error: unknown) => {
    tellTo(world)(`run ${runId} is started, and waits for a worker`);
    throw error;
  });
  forget();
  if (detach) return detached(world, plan, runId, webUi, json);
  return followToEnd(world, link, runId, {
    json,
    onInterrupt: 'cancel',
    last: () => last?.(runId) ?? [],
    interrupted,
  });
}

function sayWhatRuns({ err }: World, plan: Plan, webUi: string | null): void {
  const lines = [`${oneLine(plan.planId)}: ${planLine(plan)}`, ...(webUi === null ? [] : [webUi])];
  err.write(lines.map((line) => `${line}\n`).join(''));
}

function detached(world: World, plan: Plan, runId: string, webUi: string | null, json: boolean): ExitCode {
  if (json) return 0;
  const paint = paintOf(world);
  const program = programName(world.env);
  const next = labelled(
    [
      ['Web UI', webUi],
      ['Follow', `${program} watch ${runId}`],
      ['Cancel', `${program} cancel ${runId}`],
    ],
    paint,
  );
  print(world, `started ${paint.bold(oneLine(plan.planId))}: ${planLine(plan)}`, ...next);
  return 0;
}
