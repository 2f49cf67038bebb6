/**
 * `planwright job convert`: workstreams as job files.
 */
import { convertSet, type Conversion } from '../client/jobs/convert-set.js';
import { stateHome } from '../home.js';
import { paintOf, print, printJson } from './command.js';
import type { PlaceFlags } from './commands/job.js';
import { oneLine } from './text/neutralise.js';
import { plural } from './text/time.js';
import { pad } from './text/width.js';
import type { ExitCode, World } from './world.js';

/** Converts a set; 1 when a file of it was none. */
export async function convert(
  world: World,
  path: string | undefined,
  { out, json, root, config }: PlaceFlags & { readonly out: string; readonly json: boolean },
): Promise<ExitCode> {
  const answers = await convertSet({
    ...{ home: stateHome(world.env), env: world.env, cwd: world.cwd, out },
    ...(path === undefined ? {} : { path }),
    ...(root === undefined ? {} : { root }),
    ...(config === undefined ? {} : { config }),
  });
  const failed = answers.filter(({ status }) => status === 'failed');
  if (json) printJson(world, answers);
  else print(world, ...lines(world, answers));
  return failed.length > 0 ? 1 : 0;
}

function lines(world: World, answers: readonly Conversion[]): string[] {
  const paint = paintOf(world);
  const width = Math.max(...answers.map(({ id }) => id.length));
  const count = (status: Conversion['status']): number =>
    answers.filter((one) => one.status === status).length;
  const colours = { converted: paint.green, unchanged: paint.dim, failed: paint.red } as const;
  return [
    ...answers.map(({ id, status, from, to, jobs, reason }) => {
      const what =
        to === null
          ? `${from}: ${reason}`
          : `${to}${jobs > 1 ? `, ${jobs} jobs` : ''}${reason === null ? '' : `; it can never run: ${reason}`}`;
      return `${pad(id, width)}  ${colours[status](pad(status, 9))}  ${oneLine(what)}`;
    }),
    `${plural(count('converted'), 'workstream')} converted, ${count('unchanged')} unchanged, ${count('failed')} failed`,
  ];
}
