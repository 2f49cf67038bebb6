/**
 * What travels of a step's attempts: everything that goes to the server has its size bounded here.
 */
import type { Attempt, StepFailure } from '../plan/attempt.js';
import { utf8Length } from '../plan/utf8.js';
import type { CommandEnded, CommandHeartbeat } from './api.js';
import type { Tally } from './tally.js';
import { firstBytes, lastBytes } from './utf8-cut.js';

/** The newest attempts are carried to the workflow, the last with its whole tail of 4 KB. */
const CARRIED = 16;
const OLDER_TAIL_BYTES = 400;
/** The server keeps heartbeats of all running steps in one record, and cuts a retried failure at 4 KB. */
const HEARTBEAT_BYTES = 1_000;
const RETRIED_TAIL_BYTES = 2_000;

type Counted = Pick<Tally, 'attempts' | 'endings' | 'excused'> & Partial<Pick<Tally, 'gated'>>;

/** Returns the attempts for the workflow, when the step has ended. */
export function carried({ attempts, endings }: Counted): CommandEnded {
  const newest = attempts.slice(-CARRIED);
  const kept = newest.map((attempt, index) =>
    index === newest.length - 1 ? attempt : shortened(attempt, OLDER_TAIL_BYTES),
  );
  return { attempts: kept, attemptsOmitted: endings - kept.length };
}

/** Returns the attempts for a failure after which the server tries again: only to be looked at meanwhile. */
export function carriedBetween({ attempts, endings }: Counted): CommandEnded {
  const kept = attempts.slice(-1).map((attempt) => shortened(attempt, RETRIED_TAIL_BYTES));
  return { attempts: kept, attemptsOmitted: endings - kept.length };
}

/**
 * Returns a heartbeat's details: the counts, and as many of the newest attempts as fit, without their tails but for the
 * newest: that is told to whoever follows, in the words that the record will have.
 */
export function heartbeatOf(
  { attempts, endings, excused, gated = 0 }: Counted,
  running: CommandHeartbeat['running'] | null = null,
): CommandHeartbeat {
  const beat = (list: readonly Attempt[]): CommandHeartbeat => ({
    ...{ endings, excused, attempts: list },
    ...(gated > 0 ? { gated } : {}),
    ...(running ? { running } : {}),
  });
  const fits = (list: readonly Attempt[]): boolean =>
    utf8Length(JSON.stringify(beat(list))) <= HEARTBEAT_BYTES;
  let kept: readonly Attempt[] = [];
  for (const attempt of [...attempts].reverse()) {
    const tails = kept.length === 0 ? [OLDER_TAIL_BYTES, 0] : [0];
    const more = tails.map((bytes) => [shortened(attempt, bytes), ...kept]).find(fits);
    if (more === undefined) break;
    kept = more;
  }
  return beat(kept);
}

/** Returns the attempt with its tail, or its message, cut to so many bytes; a message keeps 200 at least. */
function shortened(attempt: Attempt, bytes: number): Attempt {
  if (attempt.end.kind !== 'failed') return attempt;
  return { ...attempt, end: { kind: 'failed', failure: shortFailure(attempt.end.failure, bytes) } };
}

function shortFailure(failure: StepFailure, bytes: number): StepFailure {
  return 'tail' in failure
    ? { ...failure, tail: lastBytes(failure.tail, bytes) }
    : { ...failure, message: firstBytes(failure.message, Math.max(bytes, 200)) };
}
