/**
 * Who resolves conflicts of patches that land: one section, in plans and in the configuration of workstreams.
 */
import type * as z from 'zod';
import type { ConflictHelp } from '../../plan.js';
import { amount, labels, text, whole } from '../fields.js';

const isList = (line: string): boolean => {
  try {
    const list: unknown = JSON.parse(line);
    return Array.isArray(list) && list.length > 0 && list.every((one) => typeof one === 'string');
  } catch {
    return false;
  }
};
/** What opens like a list is one. */
const commandLine = () =>
  text().refine((line) => !line.trimStart().startsWith('[') || isList(line), {
    error: 'a shell line, or a JSON list such as ["python3", "/opt/resolve.py"]',
  });

/** In the words of the safe merge's `ai_conflict_resolver`. */
export const conflictFields = {
  resolver: commandLine()
    .describe(
      'A shell line, or a JSON list of program and arguments, that is asked about each file in conflict.',
    )
    .default(''),
  check: commandLine().describe('A command that must accept each answer (SAFE_MERGE_FILE).').default(''),
  max_files: whole(0, 1_000).describe('More files of a patch in conflict are not asked about.').default(20),
  max_seconds: whole(1, 86_400).describe('The most one file may take.').default(120),
  min_confidence: amount(0, 1).describe('An answer that is less sure is not taken.').default(0.7),
  needs: labels().describe("Names in the worker's environment that the resolver gets: its keys.").default([]),
};

type Document = { readonly [Key in keyof typeof conflictFields]: z.output<(typeof conflictFields)[Key]> };

/** Returns the section as the engine has it. */
export const conflictHelp = ({
  resolver,
  check,
  max_files: maxFiles,
  max_seconds: maxSeconds,
  min_confidence: minConfidence,
  needs,
}: Document): ConflictHelp => ({ resolver, check, maxFiles, maxSeconds, minConfidence, needs });
