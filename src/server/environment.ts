/**
 * The environment of the processes that serve us.
 */

/**
 * Returns the environment without Temporal's settings: they describe a cluster to connect to, and neither the
 * embedded server nor its worker may follow them elsewhere. Which program serves stays.
 */
export function withoutTemporal(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const stays = (name: string): boolean => !name.startsWith('TEMPORAL_') || name === 'TEMPORAL_CLI_PATH';
  return Object.fromEntries(Object.entries(env).filter(([name]) => stays(name)));
}
