/**
 * What the end of a tool's process means, and what it cost. Never that the work is good: only trees and checks say that.
 */
import type { ExitMeaning } from './adapters.js';
import type { Tool } from './registry.js';

/** How a process ended: the code, or how it was stopped. */
export type ToolEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly by: 'timeout' | 'cancel' | 'signal' }
  | { readonly kind: 'not-started'; readonly message: string };

/** What the end says of the tool, for its breaker. `output` is what it said last, on both streams. */
export function meaningOf(tool: Tool, end: ToolEnd, output: string): ExitMeaning {
  const said = failureSaid(tool, output);
  if (end.kind !== 'exited') {
    // One that tries a used-up quota again and again is ended by the clock.
    const isQuota =
      end.kind === 'killed' && end.by === 'timeout' && said !== null && speaksOfQuota(tool, said);
    return isQuota ? 'quota' : 'failed';
  }
  const meaning = tool.exits[end.code] ?? (end.code === 0 && said === null ? 'worked' : 'failed');
  if (meaning === 'worked') return meaning; // a diff that speaks of quotas is no quota
  return speaksOfQuota(tool, said ?? output) ? 'quota' : meaning;
}

/** Returns what a tool said since the last answer, when there is a failure in it; null: no failure, or its exit code says so. */
export function failureSaid({ failureLines }: Pick<Tool, 'failureLines'>, output: string): string | null {
  if (!failureLines) return null; // plans of earlier versions know nothing of it
  const lines = output.split('\n');
  const lastOf = (opening: string): number => lines.findLastIndex((line) => line.startsWith(opening));
  const failed = lastOf(failureLines.failed);
  return failed > lastOf(failureLines.answered) ? lines.slice(failed).join('\n') : null;
}

function speaksOfQuota({ quotaWords }: Tool, said: string): boolean {
  const text = said.toLowerCase().replace(/\s+/g, ' ');
  return quotaWords.some((words) => text.includes(words));
}

export interface ToolCost {
  /** Null: it did not say. */
  readonly usd: number | null;
  readonly tokensIn: number | null;
  readonly tokensOut: number | null;
}

export const UNKNOWN_COST: ToolCost = { usd: null, tokensIn: null, tokensOut: null };

/** Reads what a call cost from its standard output. What cannot be read is unknown, never zero. */
export function readCost(tool: Tool, stdout: string): ToolCost {
  const { cost } = tool;
  switch (cost.kind) {
    case 'none':
      return UNKNOWN_COST;
    case 'json': {
      const document = lastJson(stdout);
      if (document === undefined) return UNKNOWN_COST;
      return {
        usd: cost.usd === null ? null : sumAt(document, cost.usd),
        tokensIn: sumAt(document, cost.tokensIn),
        tokensOut: sumAt(document, cost.tokensOut),
      };
    }
    case 'json-lines': {
      const lines = stdout
        .split('\n')
        .map(parsed)
        .filter((line) => isRecord(line) && line['type'] === cost.type);
      return {
        usd: null,
        tokensIn: sum(lines.map((line) => sumAt(line, cost.tokensIn))),
        tokensOut: sum(lines.map((line) => sumAt(line, cost.tokensOut))),
      };
    }
    case 'aider':
      return aiderCost(stdout);
  }
}

const AIDER_LINE =
  /^Tokens: ([\d.,]+)(k|M)? sent(?:, [\d.,]+[kM]? cache \w+)*, ([\d.,]+)(k|M)? received\.(?: Cost: \$([\d.]+) message)?/gm;
const SCALE: Readonly<Record<string, number>> = { k: 1_000, M: 1_000_000 };

function aiderCost(stdout: string): ToolCost {
  const lines = [...stdout.matchAll(AIDER_LINE)];
  const count = (digits: string | undefined, unit: string | undefined): number =>
    Number(digits!.replaceAll(',', '')) * (SCALE[unit ?? ''] ?? 1);
  return {
    usd: sum(lines.map((line) => (line[5] === undefined ? null : Number(line[5])))),
    tokensIn: sum(lines.map((line) => count(line[1], line[2]))),
    tokensOut: sum(lines.map((line) => count(line[3], line[4]))),
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // tools print other lines too
  }
}

/** The whole output, or what follows its last line that opens with "{". */
function lastJson(stdout: string): unknown {
  const whole = parsed(stdout.trim());
  if (whole !== undefined) return whole;
  const start = stdout.lastIndexOf('\n{');
  return start < 0 ? undefined : parsed(stdout.slice(start + 1).trim());
}

function sumAt(document: unknown, path: string): number | null {
  let values: unknown[] = [document];
  for (const key of path.split('.')) {
    values = values.flatMap((value) =>
      !isRecord(value) ? [] : key === '*' ? Object.values(value) : [value[key]],
    );
  }
  return sum(
    values.map((value) => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null)),
  );
}

/** Null when nothing is known at all. */
function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}
