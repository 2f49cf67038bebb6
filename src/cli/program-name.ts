/**
 * How a person calls us: so that the commands we print can be copied.
 */

/** Under npm the program is in a folder that no shell looks in; `npx` finds it there. */
export const programName = (env: NodeJS.ProcessEnv): string =>
  env['npm_lifecycle_event'] || env['npm_command'] ? 'npx planwright' : 'planwright';
