/**
 * One event of a run as a line of text.
 */
import { canceledBy, pausedText, resumedText } from '../../plan/cancel-words.js';
import type { RunEvent } from '../../plan/event.js';
import type { RunRecord } from '../../plan/record.js';
import { TOOL_WAIT_WORDS, type ToolWait } from '../../plan/tool-wait.js';
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
  // What aborts is a step, what is aborted is the run.
  const isOfStep = typeof data['step_id'] === 'string' && event.event_type !== 'plan_aborted';
  const name = isOfStep ? (data['step_id'] as string) : oneLine(plan.planId);
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
    case 'tool_wait':
      return {
        mark: yellow(marks.retry),
        words: `waits for tool "${textOf(data['tool'])}": ${TOOL_WAIT_WORDS[data['why'] as ToolWait['why']]}`,
      };
    case 'manual_action':
      return {
        mark: yellow(marks.ask),
        words: `${textOf(data['action'])} by hand, by ${textOf(data['actor'])}: ${reason}`,
      };
    case 'run_paused':
      return { mark: yellow(marks.ask), words: pausedText({ reason, actor: textOf(data['actor']) }) };
    case 'run_resumed':
      return { mark: blue(marks.running), words: resumedText({ reason, actor: textOf(data['actor']) }) };
    case 'budget_warning':
      return {
        mark: yellow(marks.retry),
        words: `${Math.round(Number(data['share']) * 100)} % of the budget are spent`,
      };
    case 'budget_exceeded':
      return {
        mark: yellow(marks.failed),
        words: `the budget is used up${data['mode'] === 'halt' ? ', and no further work is started' : ''}`,
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
        words: `${red('failed')}${attempt}: ${errorText(data, paint.marks.ellipsis)}`,
      };
    case 'step_retry':
      return {
        mark: yellow(marks.retry),
        words: `attempt ${textOf(data['attempt'])} follows in ${textOf(data['delay'])} s`,
      };
    case 'step_skipped':
      return { mark: dim(marks.skipped), words: `skipped: ${reason}` };
    case 'step_canceled':
      // The reason says it itself where a person canceled the step or the run.
      return {
        mark: yellow(marks.canceled),
        words: reason === '' || reason.startsWith('canceled') ? reason || 'canceled' : `canceled: ${reason}`,
      };
    case 'plan_aborted':
      return { mark: red(marks.failed), words: `aborted: ${reason}` };
    case 'run_completed':
      return data['status'] === 'succeeded'
        ? { mark: green(marks.succeeded), words: 'run succeeded' }
        : { mark: red(marks.failed), words: 'run failed' };
    case 'run_canceled':
      return { mark: yellow(marks.canceled), words: `run ${canceledText(data, reason)}` };
    case 'run_quarantined':
      return { mark: yellow(marks.canceled), words: `run quarantined: ${reason}` };
    default:
      return type satisfies never;
  }
}

/** Without an actor nobody asked for it: the run was ended from outside, and the reason is all that is known. */
function canceledText(data: RunEvent['data'], reason: string): string {
  const actor = textOf(data['actor']);
  if (actor !== '') return canceledBy({ actor, reason });
  return reason.startsWith('canceled') ? reason : `canceled: ${reason}`;
}

const leaseOf = (data: RunEvent['data']): string => `"${textOf(data['lease'])}"`;

const textOf = (value: unknown): string =>
  typeof value === 'string' ? oneLine(value) : typeof value === 'number' ? String(value) : '';

/** What a silent command's event says, written as everywhere else here. */
const OUR_WORDS = /^(?:Exit code -?\d+|Timeout after [\d.]+s)$/;

/** What a command said last is nearest to why it failed; what we say ourselves is read from its beginning. */
function errorText(data: RunEvent['data'], ellipsis: string): string {
  const raw = typeof data['error'] === 'string' ? data['error'].trim() : '';
  const isOutput = data['reason'] === 'exit-code' || data['reason'] === 'signal';
  const text = OUR_WORDS.test(raw) ? raw.toLowerCase() : oneLine(raw);
  if (text.length <= LONGEST_ERROR) return text;
  if (!isOutput) return `${text.slice(0, LONGEST_ERROR)}${ellipsis}`;
  // Whole lines from the end, as many as fit; of a line that is too long alone, its beginning.
  const lines = raw.split('\n').map(oneLine);
  let shown = '';
  for (const line of lines.reverse()) {
    const more = shown === '' ? line : `${line} ${shown}`;
    if (more.length > LONGEST_ERROR) break;
    shown = more;
  }
  return shown === '' ? `${lines[0]!.slice(0, LONGEST_ERROR)}${ellipsis}` : `${ellipsis} ${shown}`;
}
