/**
 * Starts a run: the plan is checked already, what is left is to hand it to the server whole, once.
 */
import { rm } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import type { Plan, Priority, Reuse } from '../plan/plan.js';
import type { RunOrigin } from '../plan/record.js';
import { writeJson } from '../os/json-file.js';
import { packageVersion } from '../package.js';
import { packPlan } from '../plan/wire.js';
import { runFiles } from '../record/layout.js';
import { writeStartNote } from '../record/notes.js';
import {
  ADD_CHUNK_UPDATE,
  RUN_WORKFLOW,
  TASK_QUEUE,
  type ChunkRequest,
  type RunInput,
} from '../workflows/api.js';
import { BRANCH, PLAN_ID, REPOSITORY, RUN_STATE } from '../workflows/attributes.js';
import { chunksOf } from '../workflows/chunks.js';
import { sha256 } from './digest.js';
import { PlanwrightError } from './errors.js';
import { baseOf } from './workstreams/base.js';
import { withLeaseNames } from './lease-names.js';
import type { Link } from './link.js';
import { repositoryAt } from './repository.js';
import { newRunId } from './run-id.js';

/** All that a run starts from. */
export interface StartRequest {
  readonly plan: Plan;
  /** The plan file as the person wrote it, for people. */
  readonly planPath: string;
  /** Its absolute path, for a retry; null when there is no file. */
  readonly planFile: string | null;
  /** What was given for variables, secrets among it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly root: string;
  readonly priority: Priority;
  readonly actor: string;
  readonly reuse: Reuse;
  readonly retryOf: string | null;
  /** Called with the id before the server hears of the run: what must lie in its directory is put there. */
  readonly onId?: (runId: string) => void;
}

export interface StartedRun {
  readonly runId: string;
  /** What the person should know and nothing went wrong over. */
  readonly notes: readonly string[];
}

const START_MS = 30_000;
/** The first chunks of a run wait until a worker has taken it up. */
const CHUNK_MS = 60_000;

/**
 * Starts a run and returns once the server has all of it.
 *
 * @throws PlanwrightError `bad-request` when a secret would have to leave this machine
 */
export async function startRun(link: Link, request: StartRequest): Promise<StartedRun> {
  const { variables } = request;
  const plan = await withLeaseNames(request.plan, request.root);
  const [client, target] = await Promise.all([link.client(), link.target()]);
  const secrets = Object.fromEntries(
    plan.secrets.flatMap((name) => (Object.hasOwn(variables, name) ? [[name, variables[name]!]] : [])),
  );
  const secretNames = Object.keys(secrets);
  if (secretNames.length > 0 && !target.embedded) throw secretsStayHere(secretNames, target.address);

  const runId = newRunId(plan.planId);
  const base = await baseOf(plan, request.root);
  const packed = packPlan(plan);
  const origin: RunOrigin = {
    planPath: request.planPath,
    root: request.root,
    planHash: sha256(packed),
    engineVersion: packageVersion(),
    retryOf: request.retryOf,
    parentRun: null,
    actor: request.actor,
    ...(base === null ? {} : { base }),
  };
  const { home } = link;
  writeStartNote(home, {
    format: 1,
    runId,
    planId: plan.planId,
    project: plan.project,
    planFile: request.planFile,
    root: request.root,
    variables: Object.fromEntries(Object.entries(variables).filter(([name]) => !plan.secrets.includes(name))),
    createdAt: Date.now(),
    address: target.address,
    namespace: target.namespace,
  });
  try {
    request.onId?.(runId);
    if (secretNames.length > 0) writeJson(runFiles(home, runId).secrets, secrets);
    const chunks = chunksOf(packed);
    const notes = await startWorkflow(client, runId, chunks, origin, { ...request, plan });
    await sendRest(link, client, runId, chunks);
    return { runId, notes };
  } catch (error) {
    // Nothing was started, or it will give up waiting for its plan: what was put down for it is of no use.
    await rm(runFiles(home, runId).directory, { recursive: true, force: true });
    throw error;
  }
}

const secretsStayHere = (names: readonly string[], address: string): PlanwrightError =>
  new PlanwrightError(
    'bad-request',
    `the value of ${names.map((name) => `"${name}"`).join(', ')} is a secret and would leave this machine: the workers are on the cluster at ${address}`,
    [
      `give it to the workers there: PLANWRIGHT_SECRET_${names[0]} in their environment, or secrets.json in their state directory`,
      'and start the run without it',
    ],
  );

/** Starts the workflow, and returns what had to be left out. */
async function startWorkflow(
  client: Client,
  runId: string,
  chunks: readonly string[],
  origin: RunOrigin,
  { plan, priority, reuse }: StartRequest,
): Promise<readonly string[]> {
  const start = (searchAttributes: boolean): Promise<unknown> => {
    const input: RunInput = {
      origin,
      chunks: chunks.length,
      firstChunk: chunks[0]!,
      reuse,
      priority,
      searchAttributes,
    };
    return client.withDeadline(Date.now() + START_MS, () =>
      client.workflow.start(RUN_WORKFLOW, {
        taskQueue: TASK_QUEUE,
        workflowId: runId,
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        args: [input],
        staticSummary: summaryOf(plan),
        staticDetails: detailsOf(plan, origin, runId),
        memo: {
          planHash: origin.planHash,
          engineVersion: origin.engineVersion,
          planPath: origin.planPath,
          project: plan.project,
        },
        ...(searchAttributes ? { typedSearchAttributes: attributesOf(plan, origin.root) } : {}),
      }),
    );
  };
  try {
    await start(true);
    return [];
  } catch (error) {
    if (!lacksSearchAttributes(error)) throw error;
    await start(false);
    return [
      'this cluster does not know our search attributes, so the Web UI cannot filter by them; planwright doctor says how to register them',
    ];
  }
}

export function lacksSearchAttributes(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  return (
    cause instanceof Error &&
    /no mapping defined for search attribute|search attribute .* is not defined/i.test(cause.message)
  );
}

function attributesOf(plan: Plan, root: string): SearchAttributePair[] {
  const repository = repositoryAt(root);
  const branch = plan.variables['BRANCH'] || repository?.branch;
  return [
    { key: PLAN_ID, value: plan.planId },
    { key: RUN_STATE, value: 'running' },
    ...(repository === null ? [] : [{ key: REPOSITORY, value: repository.top }]),
    ...(branch ? [{ key: BRANCH, value: branch }] : []),
  ];
}

// Limits of the server's settings, in bytes; a text of one byte a character is the common case.
const SUMMARY_LENGTH = 200;
const DETAILS_LENGTH = 5_000;

const summaryOf = (plan: Plan): string =>
  `${plan.planId} ${plan.version}${plan.description ? `: ${plan.description}` : ''}`
    .replace(/\s+/g, ' ')
    .slice(0, SUMMARY_LENGTH);

const detailsOf = (plan: Plan, origin: RunOrigin, runId: string): string =>
  [
    `Plan file: \`${origin.planPath}\``,
    `Steps: ${plan.steps.length}, at most ${plan.maxConcurrency} at once`,
    `Working root: \`${origin.root}\``,
    `Started by: ${origin.actor}`,
    ...(origin.retryOf === null ? [] : [`Retry of: \`${origin.retryOf}\``]),
    `On the command line: \`planwright show ${runId}\``,
  ]
    .join('  \n')
    .slice(0, DETAILS_LENGTH);

/** Sends what did not fit the start. Each part has an id of its own, so sending one twice does no harm. */
async function sendRest(link: Link, client: Client, runId: string, chunks: readonly string[]): Promise<void> {
  if (chunks.length === 1) return;
  await link.ensureWorker(); // updates are answered by the workflow: without a worker nobody takes them in
  const handle = client.workflow.getHandle(runId);
  for (const [index, text] of chunks.entries()) {
    if (index === 0) continue;
    const chunk: ChunkRequest = { index, text };
    await client.withDeadline(Date.now() + CHUNK_MS, () =>
      handle.executeUpdate<void, [ChunkRequest]>(ADD_CHUNK_UPDATE, {
        updateId: `chunk-${index}`,
        args: [chunk],
      }),
    );
  }
}
