/**
 * The name of this machine among the machines that run steps.
 */
import { hostname } from 'node:os';

/**
 * Returns the host's name: `PLANWRIGHT_HOST`, else the system's.
 *
 * It must be the same after a restart: logs stay on the host that wrote them, and are asked for by this name.
 */
export const hostName = (env: NodeJS.ProcessEnv = process.env): string =>
  env['PLANWRIGHT_HOST'] || hostname();
