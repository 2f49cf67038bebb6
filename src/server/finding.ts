/**
 * One thing that `doctor` looked at.
 */
export interface Finding {
  readonly area: 'program' | 'machine' | 'paths' | 'server' | 'worker';
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'failure';
  readonly found: string;
  /** What the person can do; null when nothing is to be done. */
  readonly remedy: string | null;
}

type Area = Finding['area'];

export const ok = (area: Area, what: string, found: string): Finding => ({
  area,
  what,
  state: 'ok',
  found,
  remedy: null,
});
export const warning = (area: Area, what: string, found: string, remedy: string): Finding => ({
  area,
  what,
  state: 'warning',
  found,
  remedy,
});
export const failure = (area: Area, what: string, found: string, remedy: string): Finding => ({
  area,
  what,
  state: 'failure',
  found,
  remedy,
});
