/**
 * The Temporal server in force, as `doctor` sees it.
 */
import type { Connection } from '@temporalio/client';
import { which } from '../os/which.js';
import { knock } from './knock.js';
import { failure, ok, warning, type Finding } from './finding.js';
import { presentProgram } from './find-program.js';
import { registerCommand, missingSearchAttributes } from './search-attributes.js';
import { stateOfServer } from './server-record.js';
import { findTarget, type Target } from './target.js';

const CONNECT_LIMIT_MS = 10_000;
const DAY_SEC = 24 * 3600;
/** Shorter, and a run that ended on a Friday is gone on Monday. */
const SHORT_RETENTION_SEC = 3 * DAY_SEC;

export interface ServerExamined {
  readonly findings: readonly Finding[];
  readonly target: Target | null;
  /** Open, for further questions; the caller closes it. */
  readonly connection: Connection | null;
}

export async function examineServer(env: NodeJS.ProcessEnv, home: string): Promise<ServerExamined> {
  const notes: Finding[] = [];
  let target: Target | null;
  try {
    target = await findTarget(env, (line) =>
      notes.push(warning('server', 'settings', line, 'set TEMPORAL_ADDRESS too, or unset them')),
    );
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return {
      findings: [failure('server', 'configuration', found, 'see docs/server.md')],
      target: null,
      connection: null,
    };
  }
  const embedded = target === null || target.embedded;
  const program = embedded ? [await serverProgram(env)] : [];
  if (target === null)
    return { findings: [...notes, ...program, await stoppedServer(home)], target, connection: null };
  const inForce = ok(
    'server',
    'in force',
    `${target.address}, namespace "${target.namespace}": ${target.how}`,
  );
  const webUi = ok('server', 'Web UI', target.webUi ?? 'not known (PLANWRIGHT_WEB_UI can name it)');
  const { findings, connection } = await ask(target);
  return { findings: [...notes, ...program, inForce, webUi, ...findings], target, connection };
}

async function serverProgram(env: NodeJS.ProcessEnv): Promise<Finding> {
  const what = 'server program';
  const passedOver: string[] = [];
  try {
    const program = await presentProgram(env, (line) => passedOver.push(line));
    if (program !== null) {
      const found = `${program.path} (server ${program.serverVersion}, found by ${program.foundBy})`;
      return ok('server', what, [found, ...passedOver].join('; '));
    }
    const found = ['not there yet', ...passedOver].join('; ');
    const fetched =
      which('go', env) === null
        ? 'it is downloaded when it is needed, which takes internet; or install Go, or set TEMPORAL_CLI_PATH'
        : 'it is downloaded when it is needed, or else built with Go, which takes minutes';
    return warning('server', what, found, fetched);
  } catch (error) {
    return failure(
      'server',
      what,
      error instanceof Error ? error.message : String(error),
      'see docs/server.md',
    );
  }
}

async function stoppedServer(home: string): Promise<Finding> {
  const state = await stateOfServer(home);
  const what = 'in force';
  if (state.kind === 'mute') {
    const { pid } = state.record.process;
    return failure(
      'server',
      what,
      `the embedded server (process ${pid}) does not answer on ${state.record.address}`,
      'planwright up',
    );
  }
  return ok('server', what, 'the embedded server, not running: it is started when it is needed');
}

async function ask(target: Target): Promise<{ findings: readonly Finding[]; connection: Connection | null }> {
  let connection;
  try {
    await knock(target.address, CONNECT_LIMIT_MS);
    const { Connection } = await import('../sdk/client.js');
    connection = await Connection.connect({ ...target.connectionOptions, connectTimeout: CONNECT_LIMIT_MS });
  } catch (error) {
    const found = `${target.address} cannot be reached: ${error instanceof Error ? error.message : String(error)}`;
    const remedy = target.embedded
      ? 'planwright up'
      : 'see to the address, TLS and credentials (docs/server.md)';
    return { findings: [failure('server', 'connection', found, remedy)], connection: null };
  }
  const { workflowService } = connection;
  const findings: Finding[] = [];
  try {
    const begun = performance.now();
    const system = await connection.withDeadline(Date.now() + CONNECT_LIMIT_MS, () =>
      workflowService.getSystemInfo({}),
    );
    const tookMs = Math.round(performance.now() - begun);
    findings.push(ok('server', 'connection', `server ${system.serverVersion} answers in ${tookMs} ms`));
    findings.push(...(await namespaceFindings(connection, target)));
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    findings.push(
      failure('server', 'connection', found, 'see to the namespace and the credentials (docs/server.md)'),
    );
  }
  return { findings, connection };
}

async function namespaceFindings(
  connection: Connection,
  { namespace, embedded }: Target,
): Promise<readonly Finding[]> {
  const deadline = Date.now() + CONNECT_LIMIT_MS;
  const described = await connection.withDeadline(deadline, () =>
    connection.workflowService.describeNamespace({ namespace }),
  );
  const retentionSec = described.config?.workflowExecutionRetentionTtl?.seconds?.toNumber() ?? 0;
  const registered = [
    ...Object.values(described.config?.customSearchAttributeAliases ?? {}),
    // Clusters on PostgreSQL and the like have them for the cluster, not for the namespace.
    ...(await clusterAttributes(connection, namespace)),
  ];
  const missing = missingSearchAttributes(registered);
  return [
    retentionSec >= SHORT_RETENTION_SEC
      ? ok('server', 'retention', `closed runs stay for ${Math.round(retentionSec / DAY_SEC)} days`)
      : warning(
          'server',
          'retention',
          `closed runs are removed after ${Math.round(retentionSec / 3600)} h; our own records stay`,
          `temporal operator namespace update --namespace ${namespace} --retention 30d`,
        ),
    missing.length === 0
      ? ok('server', 'search attributes', 'all registered')
      : warning(
          'server',
          'search attributes',
          `not registered: ${missing.join(', ')}; runs work, but cannot be filtered by them`,
          embedded ? 'planwright down, then planwright up' : registerCommand(missing, namespace),
        ),
  ];
}

async function clusterAttributes(connection: Connection, namespace: string): Promise<readonly string[]> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return Object.keys(customAttributes);
  } catch {
    return []; // Temporal Cloud has no operator service
  }
}
