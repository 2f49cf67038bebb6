/**
 * Names of signals.
 */
import { constants } from 'node:os';

const NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));
// Two names, one number, and Node lists the older one last.
NAMES.set(constants.signals.SIGABRT, 'SIGABRT').set(constants.signals.SIGIO, 'SIGIO');

/** Returns the name of a signal; real-time signals have none and become `SIG34` and so on. */
export const signalName = (number: number): string => NAMES.get(number) ?? `SIG${number}`;
