/**
 * One event of a run as a line of text.
 */
import type { RunEvent } from '../../plan/event.js';
import type { RunRecord } from '../../plan/record.js';
import type { Paint } from '../paint.js';
import { oneLine } from '../text/neutralise.js';
import { padLeft } from '../text/width.js';

const TIME = 9;
const LONGEST_ERROR = 200;

/** Returns the line, with the time since the run began; null for events that tell a person nothing new. */
export function eventLine(event: RunEvent, { head, plan }: RunRecord, paint: Paint): string | null {
  const { data } = event;
  const text = describe(event, paint);
  if (text === null) return null;
  const since = (Date.parse(event.timestamp) - (head.startedAt ?? head.createdAt)) / 1000;
  const time = paint.dim(`[${padLeft(Math.max(0, since).toFixed(1), TIME - 3)} s]`);
  const name = typeof data['step_id'] === 'string' ? data['step_id'] : oneLine(plan.planId);
  return `${time} ${text.mark} ${name}  ${text.words}`;
}

function describe(
  { event_type: type, data }: RunEvent,
  paint: Paint,
): { readonly mark: string; readonly words: string } | null {
  const { marks, dim, green, red, yellow, blue } = paint;
  const attempt =
    typeof data['attempt'] === 'number' && data['attempt'] > 1 ? ` (attempt ${data['attempt']})` : '';
  const reason = textOf(data['reason']);
  switch (type) {
    case 'run_created':
    case 'step_timeout': // the failure that follows says it
      return null;
    case 'run_started':
      return { mark: blue(marks.running), words: 'run started' };
    case 'lease_wait':
      return {
        mark: yellow(marks.retry),
        words: `waits for lease ${leaseOf(data)}, held by ${textOf(data['held_by'])}`,
      };
    case 'lease_granted':
      return { mark: dim(marks.running), words: dim(`has lease ${leaseOf(data)}`) };
    case 'lease_lost':
      return {
        mark: red(marks.failed),
        words: `lease ${leaseOf(data)} was taken from it by ${textOf(data['actor'])}: ${reason}`,
      };
    case 'step_started':
      return { mark: blue(marks.running), words: dim(`started${attempt}`) };
    case 'step_succeeded':
      return {
        mark: green(marks.succeeded),
        words: data['reused_from'] ? `kept from ${textOf(data['reused_from'])}` : `succeeded${attempt}`,
      };
    case 'step_failed':
      return {
        mark: red(marks.failed),
        words: `${red('failed')}${attempt}: ${lastLine(textOf(data['error']))}`,
      };
    case 'step_retry':
      return {
        mark: yellow(marks.retry),
        words: `attempt ${textOf(data['attempt'])} follows in ${textOf(data['delay'])} s`,
      };
    case 'step_skipped':
      return { mark: dim(marks.skipped), words: `skipped: ${reason}` };
    case 'step_canceled':
      return { mark: yellow(marks.canceled), words: `canceled: ${reason}` };
    case 'plan_aborted':
      return { mark: red(marks.failed), words: `aborted: ${reason}` };
    case 'run_completed':
      return data['status'] === 'succeeded'
        ? { mark: green(marks.succeeded), words: 'run succeeded' }
        : { mark: red(marks.failed), words: 'run failed' };
    case 'run_canceled':
      return { mark: yellow(marks.canceled), words: `run canceled: ${reason}` };
    case 'run_quarantined':
      return { mark: yellow(marks.canceled), words: `run quarantined: ${reason}` };
    default:
      return type satisfies never;
  }
}

const leaseOf = (data: RunEvent['data']): string => `"${textOf(data['lease'])}"`;

const textOf = (value: unknown): string =>
  typeof value === 'string' ? oneLine(value) : typeof value === 'number' ? String(value) : '';

/** What a command said last is nearest to why it failed. */
function lastLine(text: string): string {
  return oneLine(text).slice(-LONGEST_ERROR);
}
