/**
 * The form of a policy file. Checked by hand: a schema library takes longer to load than all files take to classify.
 */
import { CLASSES, type FileClass } from './classes.js';

export interface PolicyDocument {
  readonly file_classes?: Readonly<Partial<Record<FileClass, readonly string[]>>>;
  readonly timestamp_safe_classes?: readonly FileClass[];
  readonly never_timestamp_classes?: readonly FileClass[];
}

const MAX_PATTERNS = 1000;
const LISTS = ['timestamp_safe_classes', 'never_timestamp_classes'] as const;
const KEYS: readonly string[] = ['file_classes', ...LISTS];

/** Returns what a parsed file says, or all that is wrong with its form. */
export function readDocument(value: unknown): PolicyDocument | readonly string[] {
  if (!isMap(value)) return [`the file: it holds ${kindOf(value)}, not a map with ${KEYS.join(', ')}`];
  const faults = [
    ...unknownKeys(value, KEYS, ''),
    ...classFaults(value['file_classes']),
    ...LISTS.flatMap((name) => listFaults(name, value[name])),
  ];
  return faults.length > 0 ? faults : value;
}

function classFaults(classes: unknown): string[] {
  if (classes === undefined) return [];
  if (!isMap(classes)) return [`file_classes: it is ${kindOf(classes)}, not a map of classes`];
  return [
    ...unknownKeys(classes, CLASSES, 'file_classes.'),
    ...Object.entries(classes).flatMap(([name, patterns]) => {
      const place = `file_classes.${name}`;
      if (!Array.isArray(patterns)) return [`${place}: it is ${kindOf(patterns)}, not a list of patterns`];
      if (patterns.length > MAX_PATTERNS) return [`${place}: it has more than ${MAX_PATTERNS} patterns`];
      return patterns.flatMap((pattern, at) =>
        typeof pattern === 'string' ? [] : [`${place}.${at}: it is ${kindOf(pattern)}, not text`],
      );
    }),
  ];
}

function listFaults(name: string, list: unknown): string[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) return [`${name}: it is ${kindOf(list)}, not a list of classes`];
  return list.flatMap((one: unknown, at) =>
    CLASSES.some((known) => known === one)
      ? []
      : [`${name}.${at}: ${JSON.stringify(one)} is not one of ${CLASSES.join(', ')}`],
  );
}

const unknownKeys = (map: object, known: readonly string[], prefix: string): string[] =>
  Object.keys(map)
    .filter((key) => !known.includes(key))
    .map((key) => `${prefix}${key}: this name is not known here; known are ${known.join(', ')}`);

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a map' : JSON.stringify(value);
}
