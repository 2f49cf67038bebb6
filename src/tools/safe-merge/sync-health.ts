/**
 * Step 2: is the auto-sync daemon of this clone quiet enough to merge beside it?
 */
import { resolve } from 'node:path';
import { isGiven, textOf, wholeNumber } from './options.js';
import { type Problem, type Report, Stopped, stopped } from './reasons.js';
import { bursts, readSyncLog, type SyncEvent, type SyncLog } from './sync-log.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted } from './words.js';

export const syncHealth: Tool = {
  name: 'sync_health_check',
  patternId: 'MERGE-002',
  phase: 1,
  phaseName: 'sync_health_gate',
  summary: 'Looks into the log of the auto-sync daemon for errors and storms of pushes.',
  help: [
    'A repository without such a log is healthy, unless --require-log is given.',
    'Exit codes: 0 healthy, 1 the log cannot be read, 2 too many errors or storms, or wrong use.',
  ].join('\n'),
  options: [
    {
      flags: '--log-path <file>',
      description: 'the log, relative to the work tree',
      default: '.sync-log.txt',
    },
    { flags: '--lookback-minutes <minutes>', description: 'how far to look back', default: '30' },
    { flags: '--max-errors <count>', description: 'errors that are still healthy', default: '5' },
    {
      flags: '--max-high-activity <count>',
      description: 'storms of pushes that are still healthy',
      default: '0',
    },
    { flags: '--require-log', description: 'stop when there is no log' },
  ],
  endsPhase: true,
  tolerated: false,
  run: check,
};

async function check(context: Context, options: OptionValues): Promise<Finding> {
  const minutes = wholeNumber('sync_health_failed', options, 'lookback-minutes');
  const maxErrors = wholeNumber('sync_health_failed', options, 'max-errors');
  const maxBursts = wholeNumber('sync_health_failed', options, 'max-high-activity');
  const { repository, now } = context;
  const path = resolve(repository.workTree ?? repository.gitDir, textOf(options, 'log-path'));
  const log = await read(path, now() - minutes * 60_000, now());
  if (log === null) return withoutLog(path, isGiven(options, 'require-log'));
  const storms = bursts(log.events);
  const errors = log.events.filter((event) => event.action === 'error');
  const report = describe(path, minutes, log, storms);
  const problems: Problem[] = [];
  const hint =
    'Look at the auto-sync daemon first: what it reports, or why it pushes so often. Then start again.';
  if (errors.length > maxErrors) {
    problems.push({
      code: 'sync_errors',
      message: `${counted(errors.length, 'error')} in the last ${minutes} minutes of "${path}" (${maxErrors} allowed), the last: ${errors.at(-1)?.detail ?? ''}`,
      hint,
    });
  }
  if (storms.length > maxBursts) {
    problems.push({
      code: 'sync_storm',
      message: `${counted(storms.length, 'storm')} of pushes in the last ${minutes} minutes of "${path}" (${maxBursts} allowed).`,
      hint,
    });
  }
  const [first, ...more] = problems;
  if (first !== undefined) {
    throw new Stopped({ exitCode: 2, reasonCode: 'sync_health_block', problems: [first, ...more] }, report);
  }
  return { summary: `${counted(log.events.length, 'event')}, ${counted(errors.length, 'error')}`, report };
}

async function read(path: string, since: number, now: number): Promise<SyncLog | null> {
  try {
    return await readSyncLog(path, since, now);
  } catch (error) {
    throw stopped('sync_health_failed', 1, {
      code: 'sync_log_unreadable',
      message: `the sync log "${path}" cannot be read: ${(error as Error).message}.`,
      hint: 'Make it readable, or name another (--log-path).',
    });
  }
}

function withoutLog(path: string, required: boolean): Finding {
  const report = { log_path: path, log_present: false, total_events: 0 };
  if (required) {
    throw stopped(
      'sync_health_block',
      2,
      {
        code: 'sync_log_missing',
        message: `there is no sync log "${path}", and one is required.`,
        hint: 'Start the auto-sync daemon, name its log (--log-path), or leave --require-log out.',
      },
      report,
    );
  }
  return { summary: 'no auto-sync daemon writes a log here', report };
}

function describe(path: string, minutes: number, log: SyncLog, storms: ReturnType<typeof bursts>): Report {
  const of = (action: SyncEvent['action']): SyncEvent[] =>
    log.events.filter((event) => event.action === action);
  const clusters: Record<string, number> = {};
  for (const { at } of of('error')) {
    const day = iso(at).slice(0, 10);
    clusters[day] = (clusters[day] ?? 0) + 1;
  }
  const last = (action: SyncEvent['action']): string | null => {
    const event = of(action).at(-1);
    return event === undefined ? null : iso(event.at);
  };
  return {
    log_path: path,
    log_present: true,
    lookback_minutes: minutes,
    total_events: log.events.length,
    future_events: log.future,
    unreadable_lines: log.unreadable,
    statistics: {
      push_count: of('push').length,
      pull_count: of('pull').length,
      error_count: of('error').length,
      last_push: last('push'),
      last_pull: last('pull'),
      high_activity_windows: storms.map(({ start, end, pushes }) => ({
        start: iso(start),
        end: iso(end),
        push_count: pushes,
        duration_seconds: (end - start) / 1000,
      })),
      error_clusters: clusters,
    },
    recent_events: log.events.slice(-50).map(({ line, at, level, action, detail }) => ({
      line,
      timestamp: iso(at),
      level,
      action,
      detail,
    })),
  };
}

const iso = (at: number): string => new Date(at).toISOString();
