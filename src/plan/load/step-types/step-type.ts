/**
 * What a step type is: how its fields are written, where variables may stand in them, and what work they become.
 *
 * A new type is one file beside the others and one line in `registry.ts`.
 */
import type { z } from 'zod';
import type { OutputSource, Plan, Priority, Retry, Work } from '../../plan.js';
import type { Findings } from '../diagnostics.js';
import type { GlobalsDocument, StepDocument } from '../schema.js';

/**
 * What a text is for decides what `${…}` in it may be.
 *
 * - `text`: words for people; variables only
 * - `command`: what is run; variables only, and in a shell line not even those
 * - `argument`: variables, and outputs of earlier steps at run time
 * - `question`: the same, for words that a person is asked
 * - `environment`: as `argument`, and a secret as the whole value
 * - `shared-environment`: environment of all steps: variables, and a secret as the whole value
 * - `sub-plan-variable`: variables only
 */
export type Slot =
  'text' | 'command' | 'argument' | 'question' | 'environment' | 'shared-environment' | 'sub-plan-variable';
export type Slots = Readonly<Record<string, Slot>>;

/** The part of a `Step` that depends on its type. */
export interface StepDetails {
  readonly work: Work;
  readonly timeoutSec: number;
  readonly retry: Retry;
  readonly idempotent: boolean;
  readonly outputs: Readonly<Record<string, OutputSource>>;
  readonly runsOn: string | null;
  readonly priority: Priority;
}

/** What a type may ask for while it makes a step. */
export interface StepContext {
  readonly globals: GlobalsDocument;
  /** The step's index in `steps`. */
  readonly index: number;
  readonly findings: Findings;
  /** Loads a plan file beside this one. Null when it has errors: they are reported already. */
  readonly loadSubPlan: (path: string, variables: Readonly<Record<string, string>>) => Promise<Plan | null>;
}

export interface StepType {
  /** The value of `uses`. */
  readonly uses: Work['kind'];
  /** The whole step, as an author writes it. */
  readonly schema: z.ZodObject;
  /** Fields in which `${…}` means something; all texts inside them. */
  readonly slots: Slots;
  /** The same for the fields of `with`. */
  readonly withSlots: Slots;
  /** Names of the outputs that every step of the type has, as far as the document says. */
  readonly ownOutputs: (document: Readonly<Record<string, unknown>>) => readonly string[];
  readonly read: (raw: unknown) => StepReading;
}

export type StepReading =
  | { readonly kind: 'bad'; readonly issues: readonly z.core.$ZodIssue[] }
  | {
      readonly kind: 'read';
      readonly document: StepDocument;
      /** Null when the step cannot be made; the reason is among the findings. */
      readonly details: (context: StepContext) => StepDetails | null | Promise<StepDetails | null>;
    };

/** Ties a schema to the function that makes work of what it read. */
export function stepType<Schema extends z.ZodObject>(
  parts: Omit<StepType, 'read' | 'schema' | 'ownOutputs'> & {
    readonly schema: Schema;
    readonly ownOutputs?: StepType['ownOutputs'];
    readonly details: (
      document: z.output<Schema>,
      context: StepContext,
    ) => StepDetails | null | Promise<StepDetails | null>;
  } & (z.output<Schema> extends StepDocument ? unknown : never),
): StepType {
  const { uses, schema, slots, withSlots, ownOutputs = () => [], details } = parts;
  const read = (raw: unknown): StepReading => {
    const result = schema.safeParse(raw);
    if (!result.success) return { kind: 'bad', issues: result.error.issues };
    return {
      kind: 'read',
      document: result.data as StepDocument,
      details: (context) => details(result.data, context),
    };
  };
  return { uses, schema, slots, withSlots, ownOutputs, read };
}

/** For steps that no process runs: what only a process has. */
export const NO_PROCESS = {
  retry: {
    maxAttempts: 1,
    initialIntervalSec: 0,
    backoffCoefficient: 1,
    maxIntervalSec: 0,
    nonRetryableExitCodes: [],
  },
  idempotent: false,
  outputs: {},
  runsOn: null,
  priority: 'normal',
} as const satisfies Omit<StepDetails, 'work' | 'timeoutSec'>;
