/**
 * The state of a run as mark and colour.
 */
import type { RunState } from '../plan/record.js';
import type { Paint } from './paint.js';

export function stateMark({ marks }: Paint, state: RunState): string {
  return state === 'quarantined' ? marks.canceled : marks[state];
}

export function stateColour(paint: Paint, state: RunState): (text: string) => string {
  switch (state) {
    case 'succeeded':
      return paint.green;
    case 'failed':
      return paint.red;
    case 'running':
      return paint.blue;
    case 'canceled':
    case 'quarantined':
      return paint.yellow;
    case 'pending':
      return paint.dim;
    default:
      return state satisfies never;
  }
}
