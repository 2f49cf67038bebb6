/**
 * What people do to a run that is under way.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { ManualRequest } from '../plan/by-hand.js';
import type { StepId } from '../plan/plan.js';
import type { RunView } from './views.js';
import { writeQuarantine } from '../record/notes.js';
import {
  APPROVE_UPDATE,
  BY_HAND_UPDATE,
  CANCEL_SIGNAL,
  CANCEL_STEP_UPDATE,
  HANDED_ON,
  PAUSE_UPDATE,
  RESUME_UPDATE,
  type ApproveRequest,
  type CancelRequest,
  type CancelStepRequest,
  type PauseRequest,
} from '../workflows/api.js';
import { landingId, WITHDRAW_SIGNAL, type WithdrawRequest } from '../workflows/landing-api.js';
import { PlanwrightError } from './errors.js';
import type { Link } from './link.js';
import { answered, readRun } from './read-run.js';
import { stepNamed } from './step-named.js';

/** Who asks, and why. */
export interface Because {
  readonly reason: string;
  readonly actor: string;
}

const ANSWER_MS = 15_000;

/**
 * Asks a run to end. It ends `canceled` once every step has stopped: `waitRun` waits for that.
 *
 * @throws PlanwrightError `refused` when it has ended already
 */
export async function cancelRun(link: Link, runId: string, because: Because): Promise<void> {
  const client = await openRun(link, runId, 'canceled');
  const handle = client.workflow.getHandle(runId);
  const request: CancelRequest = because;
  // The signal says who and why; the native request lets the run end as Temporal's own cancels do.
  await answered(runId, async () => {
    await client.withDeadline(Date.now() + ANSWER_MS, () =>
      handle.signal<[CancelRequest]>(CANCEL_SIGNAL, request),
    );
    await client.withDeadline(Date.now() + ANSWER_MS, () => handle.cancel());
  });
}

/**
 * Ends a run without asking it, for one that does not answer. What its steps run is ended by their workers, as soon as these hear of it.
 *
 * @throws PlanwrightError `refused` when it has ended already
 */
export async function terminateRun(link: Link, runId: string, { reason, actor }: Because): Promise<void> {
  const client = await openRun(link, runId, 'terminated');
  await answered(runId, () =>
    client.withDeadline(Date.now() + ANSWER_MS, () =>
      client.workflow.getHandle(runId).terminate(`${reason} (${actor})`),
    ),
  );
}

/** Cancels one step. That counts as its failure, so its policy applies: `abortsRun` says whether the run ends by it. */
export const cancelStep = (link: Link, runId: string, step: string, because: Because): Promise<void> =>
  update<CancelStepRequest>(link, runId, CANCEL_STEP_UPDATE, {
    step: step as CancelStepRequest['step'],
    ...because,
  });

/** Stops the launching of steps; running ones go on. */
export const pauseRun = (link: Link, runId: string, because: Because): Promise<void> =>
  update<PauseRequest>(link, runId, PAUSE_UPDATE, because);

export const resumeRun = (link: Link, runId: string, because: Because): Promise<void> =>
  update<PauseRequest>(link, runId, RESUME_UPDATE, because);

/** Answers an approval step: yes, no, or one of its choices. */
export const approveStep = (
  link: Link,
  runId: string,
  step: string,
  answer: { readonly approved: boolean; readonly choice?: string | null },
  because: Because,
): Promise<void> =>
  update<ApproveRequest>(link, runId, APPROVE_UPDATE, {
    step: step as ApproveRequest['step'],
    ...answer,
    ...because,
  });

/** Moves a workstream of an open run by hand (`plan/by-hand.ts`). */
export const actByHand = (
  link: Link,
  runId: string,
  step: string,
  what: Pick<ManualRequest, 'action' | 'force' | 'clearRetries'>,
  because: Because,
): Promise<void> =>
  update<ManualRequest>(link, runId, BY_HAND_UPDATE, { step: step as StepId, ...what, ...because });

/**
 * Withdraws a patch from landing: it is not landed, and nothing is said against it.
 *
 * @throws PlanwrightError `refused` when landing has not begun or has decided on it already
 */
export async function withdrawPatch(
  link: Link,
  runId: string,
  workstream: string,
  { reason, actor }: Because,
): Promise<void> {
  const client = await openRun(link, runId, 'changed');
  const request: WithdrawRequest = { patch: workstream, reason: `${reason} (${actor})` };
  try {
    await answered(runId, () => tryUpdate(client, landingId(runId), WITHDRAW_SIGNAL, request));
  } catch (error) {
    if (!(error instanceof PlanwrightError) || error.code !== 'no-such-run') throw error;
    throw refused(`run "${runId}" does not land patches just now`, [
      `planwright workstream fail ${runId} ${workstream} --force --reason …    keeps its patch out before landing begins`,
    ]);
  }
}

/** Whether canceling a step aborts the whole run. */
export function abortsRun({ record }: Pick<RunView, 'record'>, step: string): boolean {
  const { critical, onFailure } = stepNamed(record, step);
  return critical && onFailure.kind === 'abort';
}

/**
 * Marks a run as not to be trusted. An open one is canceled first.
 *
 * @throws PlanwrightError `refused` when it succeeded or was canceled: those are final
 */
export async function quarantineRun(link: Link, runId: string, because: Because): Promise<void> {
  const { record, quarantine } = await readRun(link, runId);
  const { state } = record.head;
  if (quarantine !== null)
    throw refused(`run "${runId}" is in quarantine already: ${quarantine.reason} (${quarantine.actor})`);
  if (state === 'succeeded' || state === 'canceled') {
    throw refused(
      `run "${runId}" is ${state}: a run goes from ${state} to quarantined never, only from running or failed`,
    );
  }
  if (state === 'pending' || state === 'running') await cancelRun(link, runId, because);
  writeQuarantine(link.home, runId, { ...because, at: Date.now() });
}

async function openRun(link: Link, runId: string, toBe: string): Promise<Client> {
  const client = await link.client();
  const { status } = await answered(runId, () =>
    client.withDeadline(Date.now() + ANSWER_MS, () => client.workflow.getHandle(runId).describe()),
  );
  if (status.name === 'RUNNING' || status.name === 'PAUSED') return client;
  throw refused(`run "${runId}" cannot be ${toBe}: it has ended already`, [`planwright show ${runId}`]);
}

const HAND_OVER_TRIES = 50;
const HAND_OVER_MS = 100;

/** Sends an update to the leg that carries the run now. */
async function update<Request>(link: Link, runId: string, name: string, request: Request): Promise<void> {
  const client = await openRun(link, runId, 'changed');
  let leg = runId;
  for (let tries = 0; tries < HAND_OVER_TRIES; tries += 1) {
    const answer = await answered(runId, () => tryUpdate(client, leg, name, request));
    if (answer.kind === 'taken') return;
    if (answer.by === null) await sleep(HAND_OVER_MS);
    else leg = answer.by;
  }
  throw refused(`run "${runId}" is changing over from one workflow to the next`, ['try again in a moment']);
}

type Answer =
  | { readonly kind: 'taken' }
  /** Another workflow carries the run now; null while it has no name yet. */
  | { readonly kind: 'handed-on'; readonly by: string | null };

async function tryUpdate<Request>(
  client: Client,
  workflowId: string,
  name: string,
  request: Request,
): Promise<Answer> {
  try {
    await client.withDeadline(Date.now() + ANSWER_MS, () =>
      client.workflow.getHandle(workflowId).executeUpdate<void, [Request]>(name, { args: [request] }),
    );
    return { kind: 'taken' };
  } catch (error) {
    const cause = error instanceof Error && error.name === 'WorkflowUpdateFailedError' ? error.cause : null;
    if (!isApplicationFailure(cause)) throw error;
    if (cause.type !== HANDED_ON) throw refused(cause.message);
    const by = cause.details?.[0];
    return { kind: 'handed-on', by: typeof by === 'string' ? by : null };
  }
}

const isApplicationFailure = (
  error: unknown,
): error is Error & { readonly type?: string | null; readonly details?: readonly unknown[] | null } =>
  error instanceof Error && error.name === 'ApplicationFailure';

const refused = (message: string, remedies: readonly string[] = []): PlanwrightError =>
  new PlanwrightError('refused', message, remedies);
