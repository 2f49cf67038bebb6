/**
 * How long a job waits before it asks its queue for itself. Thousands that ask at one moment keep the queue from its next
 * execution, and the server from all else: they ask one after the other, in no order.
 */

/** So long a job trusts that who submitted it asks for its place. It asks itself then, in case that one died on the way. */
const ANNOUNCED_MS = 10 * 60_000;
const ANNOUNCED_EACH_MS = 3_000;
/** So long a job waits that found no room in its queue. It is answered, so that it costs more; but who waits for it waits in vain. */
const ASK_LATER_MS = 10 * 60_000;
const ASK_LATER_EACH_MS = 1_000;

/** @param others - how many jobs there were when it was submitted, and with it; @param chance - from 0 to 1 */
export const trustMs = (others: number, chance: number): number =>
  Math.round(ANNOUNCED_MS + chance * ANNOUNCED_EACH_MS * others);

/** The same for a job that found no room. */
export const waitForRoomMs = (others: number, chance: number): number =>
  Math.round(ASK_LATER_MS + chance * ASK_LATER_EACH_MS * others);
