/**
 * The bundle document: every field of a workstream, what it means and what it is when left out.
 */
import * as z from 'zod';
import { amount, filledText, flag, freeForm, oneOf, text, texts, whole } from '../../plan/load/fields.js';
import { pathFault, type PathFault } from '../scope.js';
import { CAPABILITIES, GATE_TYPES, KINDS } from '../workstream.js';

const ID_PHRASE = 'an id: "ws-" and lower-case letters, digits and "-", at most 100 characters';
const workstreamId = () => z.string({ error: ID_PHRASE }).regex(/^ws-[a-z0-9-]{1,97}$/, { error: ID_PHRASE });

const FAULTS: Readonly<Record<PathFault, string>> = {
  empty: 'a path',
  absolute: 'a path seen from the top of the repository, not an absolute one',
  climbs: 'a path without ".."',
  'inside-git': 'a path outside ".git", which belongs to git alone',
  'control-character': 'a path without control characters',
  'too-long': 'a path of at most 1000 characters',
};
const path = () =>
  z.string({ error: 'a path' }).superRefine((value, context) => {
    const fault = pathFault(value);
    if (fault !== null) context.addIssue({ code: 'custom', message: FAULTS[fault] });
  });
const paths = () => z.array(path(), { error: 'a list of paths' });

const ids = () =>
  z.array(z.string({ error: 'the id of a workstream' }), { error: 'a list of workstream ids' });
/** A lone id is accepted, as other tools write it. */
const idOrIds = () =>
  z
    .union([z.string(), ids()], { error: 'a list of workstream ids' })
    .transform((value) => (typeof value === 'string' ? [value] : value));
/** The other spelling in circulation: a list, a lone id, or an object around `depends_on`. */
const otherSpelling = () =>
  z.union(
    [
      idOrIds(),
      z.looseObject({ depends_on: idOrIds().optional() }).transform((value) => value.depends_on ?? []),
    ],
    {
      error: 'a list of workstream ids',
    },
  );

const nothingMore = 'an object';

export const bundleDocument = z.looseObject(
  {
    $schema: text().optional(),
    /** Looked at before all else: `schemaVersionFault`. */
    schema_version: z.unknown().optional(),
    id: workstreamId(),
    openspec_change: text(),
    ccpm_issue: z.union([z.int(), z.string()], { error: 'an issue: a whole number or a text' }),
    gate: whole(1, 1_000_000),
    files_scope: paths().min(1, { error: 'a list of at least one path' }),
    tasks: texts(),
    tool: filledText(100),
    files_create: paths().default([]),
    acceptance_tests: texts().default([]),
    depends_on: idOrIds().default([]),
    dependencies: otherSpelling().default([]),
    capability: oneOf(CAPABILITIES).nullable().default(null),
    capability_payload: z
      .looseObject(
        {
          files: texts().default([]),
          prompt: text().nullable().default(null),
          timeout_ms: whole(1_000, 2_147_483_000).nullable().default(null),
          max_retries: whole(0, 5).nullable().default(null),
        },
        { error: nothingMore },
      )
      .prefault({}),
    circuit_breaker: z
      .looseObject(
        {
          max_attempts: whole(1, 1_000).nullable().default(null),
          max_error_repeats: whole(0, 1_000).nullable().default(null),
          oscillation_threshold: whole(0, 1_000).nullable().default(null),
        },
        { error: nothingMore },
      )
      .prefault({}),
    metadata: freeForm().default({}),
    parallel_ok: flag().default(true),
    conflict_group: filledText(200).nullable().default(null),
    kind: oneOf(KINDS).default('impl'),
    priority: oneOf(['foreground', 'background']).default('foreground'),
    estimated_context_tokens: whole(0, Number.MAX_SAFE_INTEGER).nullable().default(null),
    max_cost_usd: amount(0, 1_000_000_000).nullable().default(null),
    compensation_actions: texts().default([]),
    test_gates: z
      .array(
        z.looseObject(
          { type: oneOf(GATE_TYPES), required: flag().default(true), blocking: flag().default(true) },
          { error: 'an object such as {"type": "GATE_UNIT"}' },
        ),
        { error: 'a list of gates' },
      )
      .default([]),
  },
  { error: 'a workstream: an object with "id", "files_scope", "tasks" and "tool"' },
);

export type BundleDocument = z.output<typeof bundleDocument>;
