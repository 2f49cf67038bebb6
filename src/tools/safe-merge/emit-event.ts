/**
 * Step 11: one line in the log of safe merges.
 */
import { join, resolve } from 'node:path';
import { appendEvent, eventOf, type EventStatus, type Invoker, isLogged, type MergeEvent } from './events.js';
import { leaseWait } from './outcome.js';
import { oneOf, textOf, wholeNumber } from './options.js';
import { eventsFile, readReport, REPORT_FILES } from './state.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';

const STATUSES: readonly EventStatus[] = ['success', 'failed', 'blocked'];
const INVOKERS: readonly Invoker[] = ['human', 'ai', 'ci'];

export const emitEvent: Tool = {
  name: 'emit_success_event',
  patternId: 'MERGE-012',
  phase: 6,
  phaseName: 'metrics_and_event_append',
  summary: 'Appends what the run came to, as one JSON line, to the log of safe merges.',
  help: [
    'The same event of the same run is written once, however often this is called.',
    'A line that cannot be written is said, and fails nothing: exit code 0. 2 is wrong use.',
  ].join('\n'),
  options: [
    { flags: '--status <status>', description: STATUSES.join(', '), default: 'success' },
    { flags: '--phase-id <number>', description: 'position in the pipeline', default: '6' },
    { flags: '--phase-name <name>', description: 'name of the phase', default: 'metrics_and_event_append' },
    { flags: '--reason-code <code>', description: 'why it did not succeed', default: '' },
    {
      flags: '--events-file <file>',
      description: 'another file than <git dir>/planwright/safe_merge/merge_events.jsonl',
      default: '',
    },
    {
      flags: '--details <json>',
      description: 'anything else; text that is no JSON is kept as {"raw": text}',
      default: '',
    },
    {
      flags: '--invoker <who>',
      description: `${INVOKERS.join(', ')}; default: ci when CI is set, else human`,
      default: '',
    },
  ],
  tolerated: true,
  run: emit,
};

async function emit(context: Context, options: OptionValues): Promise<Finding> {
  const given = textOf(options, 'events-file');
  const file = given === '' ? eventsFile(context.repository) : resolve(context.cwd, given);
  const named = textOf(options, 'invoker') !== '';
  const event = eventOf(
    {
      run: context.run,
      branch: context.target.branch,
      phase_id: wholeNumber('metrics_emit_failed', options, 'phase-id'),
      phase_name: textOf(options, 'phase-name'),
      step: 'emit_success_event',
      status: oneOf('metrics_emit_failed', options, 'status', STATUSES),
      reason_code: textOf(options, 'reason-code'),
      details: {
        ...(await whatHappened(context)),
        ...leaseWait(context.env),
        ...details(textOf(options, 'details')),
      },
      invoker: named ? oneOf('metrics_emit_failed', options, 'invoker', INVOKERS) : context.invoker,
    },
    context.now(),
  );
  if (context.dryRun) return { summary: `would be written to ${file}`, report: { events_file: file, event } };
  return write(context, file, event);
}

/** A line that cannot be written fails no run that has succeeded. */
async function write(context: Context, file: string, event: MergeEvent): Promise<Finding> {
  try {
    const again = await isLogged(file, event);
    if (!again) await appendEvent(file, event);
    return {
      summary: again ? `already in ${file}` : `written to ${file}`,
      report: { events_file: file, event },
    };
  } catch (error) {
    const why = (error as Error).message;
    context.say(`emit_success_event: metrics_emit_failed: "${file}" cannot be written: ${why}`);
    return {
      summary: 'not written; the merge itself is done',
      report: {
        events_file: file,
        event,
        status: 'failed',
        reason_code: 'metrics_emit_failed',
        message: why,
      },
    };
  }
}

function details(text: string): object {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { raw: text };
  } catch {
    return { raw: text };
  }
}

/** Returns when a report was written, in milliseconds; NaN when it does not say. */
const timeIn = ({ timestamp }: Readonly<Record<string, unknown>>): number =>
  typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;

/** The run in figures, from its own reports. */
async function whatHappened({ directory }: Context): Promise<object> {
  const push = (await readReport(join(directory, REPORT_FILES.guarded_push))) ?? {};
  const scan = (await readReport(join(directory, REPORT_FILES.env_scan))) ?? {};
  const began = timeIn(scan);
  const ended = timeIn(push);
  return {
    action: push['action'] ?? null,
    commit: push['commit'] ?? null,
    pushed: push['pushed'] ?? null,
    lock: push['lock'] ?? null,
    // To the last step's end, not to this moment: the same event written again is the same.
    duration_seconds: Number.isNaN(ended - began) ? null : Math.max(0, (ended - began) / 1000),
    began_at: scan['timestamp'] ?? null,
  };
}
