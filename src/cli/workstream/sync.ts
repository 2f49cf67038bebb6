/**
 * `planwright workstream sync`: the files of workstreams on a branch, and an issue for each if asked.
 */
import { relative } from 'node:path';
import type { Command } from 'commander';
import { prepareSet } from '../../client/workstreams/prepare-set.js';
import { syncSet, type Synced } from '../../client/workstreams/sync.js';
import { paintOf, print, printJson, tellTo, withLink, type Host } from '../command.js';
import { UsageError } from '../errors.js';
import { addJson } from '../options.js';
import { oneLine } from '../text/neutralise.js';
import { plural } from '../text/time.js';
import type { ExitCode, World } from '../world.js';
import { optionsOf, type SetFlags } from './set-options.js';

interface Flags extends Pick<SetFlags, 'root' | 'config' | 'json'> {
  readonly branch?: string;
  readonly remote: string;
  readonly push: boolean;
  readonly dryRun: boolean;
  readonly issues: boolean;
  readonly repo?: string;
  readonly apiUrl?: string;
  readonly comments?: string;
}

export function defineSync(command: Command, { world, exit }: Host): void {
  const sync = command
    .command('sync')
    .description('commit the files of workstreams to a branch and push it; an issue for each if asked')
    .argument('[path]', 'a folder of bundles, or one bundle file (default: the folder of the repository)')
    .option('--branch <name>', 'the branch (default: feature/ws-sync-<date>-<time>)')
    .option('--remote <name>', 'where it is pushed', 'origin')
    .option('--no-push', 'push nothing: say what is left')
    .option('--issues', 'make or change an issue for each, with the token in GITHUB_TOKEN', false)
    .option('--repo <owner/name>', 'the repository of the issues (default: by the address of the remote)')
    .option('--api-url <url>', 'the API of an own server (default: GITHUB_API_URL, else by the remote)')
    .option('--comments <run>', 'with --issues: comment what this run made of each')
    .option('--dry-run', 'show commits and calls, change nothing', false)
    .option('--root <repository>', 'the repository (default: where you stand)')
    .option('--config <file>', 'a configuration file, trusted because you name it');
  addJson(sync).action(async (path: string | undefined, flags: Flags) =>
    exit(await syncTo(world, path, flags)),
  );
}

async function syncTo(world: World, path: string | undefined, flags: Flags): Promise<ExitCode> {
  const { issues, repo, apiUrl, comments } = flags;
  if (!issues && (repo ?? apiUrl ?? comments) !== undefined)
    throw new UsageError('--repo, --api-url and --comments are about issues, and issues were not asked for', [
      'say --issues, too',
    ]);
  const prepared = await prepareSet(optionsOf(world, path, { wsId: [], only: [], strict: false, ...flags }));
  return withLink(world, async (link) => {
    const synced = await syncSet(link, prepared, {
      ...{ remote: flags.remote, push: flags.push, dryRun: flags.dryRun, cwd: world.cwd, now: world.now() },
      branch: flags.branch ?? null,
      issues: issues ? { repo: repo ?? null, apiUrl: apiUrl ?? null, comments: comments ?? null } : null,
    });
    if (flags.json) printJson(world, { ...synced.result, report: synced.report });
    else report(world, synced);
    return synced.result.errors_count > 0 ? 1 : 0;
  });
}

function report(world: World, { result, report: file }: Synced): void {
  const paint = paintOf(world);
  const tell = tellTo(world);
  const { files, errors, left, api_calls: calls, dry_run: dry } = result;
  for (const { file: name, detail, result: kind } of files)
    if (kind === 'malformed') tell(`malformed, left out: ${name}: ${detail}`);
  for (const { id, file: name, result: kind, commit, issue, issueResult, detail } of files) {
    if (kind === 'malformed') continue;
    const about = issue === null ? '' : `, issue #${issue} ${issueResult ?? ''}`.trimEnd();
    if (kind === 'failed') print(world, `${paint.red(paint.marks.failed)} ${id}: ${oneLine(detail)}`);
    else if (kind === 'unchanged')
      print(world, paint.dim(`${paint.marks.skipped} ${id}: nothing to commit${about}`));
    else
      print(
        world,
        `${paint.green(paint.marks.succeeded)} ${id}: ${dry ? 'would commit' : commit!.slice(0, 10)}${about} ${paint.dim(name)}`,
      );
  }
  for (const error of errors) print(world, `${paint.red(paint.marks.failed)} ${oneLine(error)}`);
  for (const call of calls) print(world, `would call ${call}`);
  const pushed = result.pushed ? ', pushed' : '';
  const said = [
    plural(result.commits_created, 'commit'),
    ...(result.errors_count > 0 ? [plural(result.errors_count, 'error')] : []),
    ...(result.malformed_count > 0 ? [`${result.malformed_count} malformed`] : []),
  ].join(', ');
  print(world, `${dry ? 'would make ' : ''}${said} on ${paint.bold(result.feature_branch)}${pushed}`);
  for (const command of left) print(world, `left to do: ${command}`);
  if (file !== null) print(world, paint.dim(`report: ${relative(world.cwd, file) || file}`));
}
