/**
 * What is in force and what is amiss: facts for `planwright doctor`. Starts and changes nothing.
 */
import { stateHome } from '../home.js';
import { examineMachine } from './doctor-machine.js';
import { examineServer } from './doctor-server.js';
import { examineTools } from './doctor-tools.js';
import { examineWorkers } from './doctor-worker.js';
import type { Finding } from './finding.js';

export type { Finding } from './finding.js';

/** Returns all findings, in the order in which one would look. Never throws: what fails is a finding. */
export async function examine(env: NodeJS.ProcessEnv = process.env): Promise<readonly Finding[]> {
  const home = stateHome(env);
  const [machine, { findings, connection, target }] = await Promise.all([
    examineMachine(env, home),
    examineServer(env, home),
  ]);
  const workers = await examineWorkers(home, target, connection);
  const tools = await examineTools(connection, target);
  await connection?.close();
  return [...machine, ...findings, ...workers, ...tools];
}
