/**
 * Times and sizes as people read them.
 */

/** `0.3 s`, `42 s`, `3 m 05 s`, `2 h 07 m`, `3 d 04 h`. */
export function duration(ms: number): string {
  const tenths = Math.max(0, Math.round(ms / 100));
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(Math.max(0, ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  const [minutes, hours, days] = [
    Math.floor(seconds / 60),
    Math.floor(seconds / 3600),
    Math.floor(seconds / 86_400),
  ];
  const two = (value: number): string => String(value).padStart(2, '0');
  if (minutes < 60) return `${minutes} m ${two(seconds % 60)} s`;
  if (hours < 24) return `${hours} h ${two(minutes % 60)} m`;
  return `${days} d ${two(hours % 24)} h`;
}

/** Whole seconds, for what changes while one looks at it: a figure that flickers is not read. */
export const seconds = (ms: number): string =>
  duration(Math.max(0, Math.floor(ms / 1000)) * 1000).replace(/\.0 s$/, ' s');

/** `just now`, `5 min ago`, `3 h ago`, `2 days ago`. */
export function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return `${Math.floor(minutes / 1440)} days ago`;
}

/** `2024-01-02 03:04:05`, in the person's own time zone. */
export function localTime(at: number | string): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** `12 bytes`, `3.4 kB`, `1.2 GB`. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]!}`;
}

/** `1,000`: large numbers are read in threes. */
export const count = (value: number): string => value.toLocaleString('en-US');

/** `1 step`, `4 steps`. */
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;
