/**
 * A stand-in for a resolver, to show where one is plugged in: it knows numbers and JSON, and says how sure it is.
 *
 * A real one is any command that reads `$SAFE_MERGE_REQUEST` and writes a result: docs/safe-merge.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { isProgram } from '../program.js';

/** The part of the request that it looks at. */
export interface Request {
  readonly path: string;
  readonly base: string | null;
  readonly ours: string | null;
  readonly theirs: string | null;
  /** Where the merged text goes. */
  readonly text: string;
  /** Where the answer goes. */
  readonly result: string;
}

export interface Versions {
  readonly base: string;
  readonly ours: string;
  readonly theirs: string;
}

/** Returns merged text and how sure it is of it, or null when it has nothing to say. */
export function resolveDemo(path: string, versions: Versions): { text: string; confidence: number } | null {
  return path.endsWith('.json') ? mergeJson(versions) : mergeLines(versions);
}

type Entries = Readonly<Record<string, unknown>>;

/** Entry by entry: what one side changed is taken; what both changed goes to the larger value. */
function mergeJson({ base, ours, theirs }: Versions): { text: string; confidence: number } {
  const [before, mine, other] = [base, ours, theirs].map((text) => JSON.parse(text || '{}') as Entries) as [
    Entries,
    Entries,
    Entries,
  ];
  const merged: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(mine), ...Object.keys(other)])) {
    const same = (one: unknown, two: unknown): boolean => JSON.stringify(one) === JSON.stringify(two);
    const value = same(mine[key], before[key]) ? other[key] : mine[key];
    if (value !== undefined) merged[key] = value;
  }
  return { text: `${JSON.stringify(merged, null, 2)}\n`, confidence: 0.9 };
}

/** Line by line: what one side changed is taken; of two numbers the larger one. */
function mergeLines({ base, ours, theirs }: Versions): { text: string; confidence: number } | null {
  const [before, mine, other] = [base, ours, theirs].map((text) => text.split('\n')) as [
    string[],
    string[],
    string[],
  ];
  if (before.length !== mine.length || before.length !== other.length) return null;
  const number = (line: string): number => Number(/\d+/.exec(line)?.[0] ?? Number.NaN);
  const merged = mine.map((line, at) => {
    const theirLine = other[at] ?? '';
    if (line === before[at]) return theirLine;
    return theirLine === before[at] || number(line) >= number(theirLine) ? line : theirLine;
  });
  return { text: merged.join('\n'), confidence: 0.8 };
}

/** Runs as a program. */
export function runResolver(env: NodeJS.ProcessEnv): 0 | 1 {
  const request = JSON.parse(readFileSync(env['SAFE_MERGE_REQUEST'] ?? '', 'utf8')) as Request;
  const read = (file: string | null): string => (file === null ? '' : readFileSync(file, 'utf8'));
  const versions = { base: read(request.base), ours: read(request.ours), theirs: read(request.theirs) };
  const answer = resolveDemo(request.path, versions);
  if (answer === null) return 1;
  writeFileSync(request.text, answer.text);
  writeFileSync(request.result, JSON.stringify({ text: request.text, confidence: answer.confidence }));
  return 0;
}

if (isProgram(import.meta.url)) process.exitCode = runResolver(process.env);
