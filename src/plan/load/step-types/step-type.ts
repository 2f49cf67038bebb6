/**
 * What a step type is: how its fields are written, where variables may stand in them, and what work they become.
 *
 * A new type is one file beside the others and one line in `registry.ts`.
 */
import type * as z from 'zod';
import type { OutputSource, Plan, Priority, Retry, Work } from '../../plan.js';
import type { Findings } from '../diagnostics.js';
import type { PlanPath } from '../places.js';
import type { Locals } from '../template.js';
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
 * - `sub-plan-variable`: variables, and outputs of earlier steps when the sub-plan starts
 * - `items`: the same, for the list of a `for_each`
 * - `item-name`: what people see of each item's step: variables, and the item
 */
export type Slot =
  | 'text'
  | 'command'
  | 'argument'
  | 'question'
  | 'environment'
  | 'shared-environment'
  | 'sub-plan-variable'
  | 'items'
  | 'item-name';
/** By field; `repeat.max_rounds` is a field of the object in a field. */
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
  readonly loadSubPlan: (
    path: string,
    variables: Readonly<Record<string, string>>,
    /** Names of variables that have a value only when the sub-plan starts. */
    late: readonly string[],
  ) => Promise<Plan | null>;
  /** Checks an expression over the variables and steps of another plan. Reports what is wrong with it. */
  readonly checkOver: (plan: Plan, condition: string, path: PlanPath) => Promise<void>;
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
  /** A step inside `with`, whose fields have slots too. Left out: there is none. */
  readonly inner?: { readonly field: string; readonly slots: Slots };
  /** Names of their own that the texts of `with` have. */
  readonly locals?: (document: Readonly<Record<string, unknown>>) => Locals;
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
  const { uses, schema, slots, withSlots, inner, locals, ownOutputs = () => [], details } = parts;
  const more = { ...(inner === undefined ? {} : { inner }), ...(locals === undefined ? {} : { locals }) };
  const read = (raw: unknown): StepReading => {
    const result = schema.safeParse(raw);
    if (!result.success) return { kind: 'bad', issues: result.error.issues };
    return {
      kind: 'read',
      document: result.data as StepDocument,
      details: (context) => details(result.data, context),
    };
  };
  return { uses, schema, slots, withSlots, ...more, ownOutputs, read };
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
