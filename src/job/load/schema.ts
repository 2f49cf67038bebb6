/**
 * The job document: both shapes in circulation, what each field means and what it is when left out.
 *
 * The full form brings its command, environment and paths. The short form brings files and instructions, and the tool's
 * adapter makes the command.
 */
import * as z from 'zod';
import { environment, filledText, freeForm, text, texts, whole } from '../../plan/load/fields.js';

const ID_PHRASE = 'an id of letters, digits, ".", "_" and "-", at most 128 characters';
const jobId = () => z.string({ error: ID_PHRASE }).regex(/^[A-Za-z0-9._-]{1,128}$/, { error: ID_PHRASE });

const POLICY_PHRASE = 'one of "none", "retry_same", "escalate_to_codex", or "escalate_to_" and another tool';

export const jobDocument = z.looseObject(
  {
    $schema: text().optional(),
    job_id: jobId(),
    workstream_id: filledText(200),
    tool: filledText(100),
    run_id: filledText(200).default('default'),
    // The full form: all three, or none of them.
    command: z
      .looseObject(
        { exe: filledText(4_096), args: texts() },
        { error: 'an object such as {"exe": "git", "args": ["status"]}' },
      )
      .optional(),
    env: environment().optional(),
    paths: z
      .looseObject(
        {
          repo_root: filledText(4_096),
          working_dir: filledText(4_096),
          log_file: filledText(4_096),
          error_report: filledText(4_096),
        },
        { error: 'an object with "repo_root", "working_dir", "log_file" and "error_report"' },
      )
      .optional(),
    // The short form.
    files: texts().default([]),
    instructions: text().nullable().default(null),
    config: freeForm().default({}),
    dependencies: z.array(jobId(), { error: 'a list of job ids' }).default([]),
    metadata: z
      .looseObject(
        {
          retry_policy: z
            .string({ error: POLICY_PHRASE })
            .regex(/^(none|retry_same|escalate_to_.{1,100})$/, { error: POLICY_PHRASE })
            .nullable()
            .default(null),
          timeout_seconds: whole(1, 7 * 24 * 3_600)
            .nullable()
            .default(null),
          max_retries: whole(0, 100).nullable().default(null),
          message_file: filledText(4_096).nullable().default(null),
          files_scope: texts().default([]),
        },
        { error: 'an object' },
      )
      .prefault({}),
  },
  { error: 'a job: an object with "job_id", "workstream_id" and "tool"' },
);

export type JobDocument = z.output<typeof jobDocument>;
