/**
 * From the text of a plan or a bundle, however old, to the text that is written today.
 */
import type { Json } from '../../plan.js';
import { isError, faultProblems, type Problem, type ProblemCode } from '../diagnostics.js';
import type { Locator, PlanPath } from '../places.js';
import { schemaVersionFault } from '../schema-version.js';
import { isObject } from '../shape.js';
import { readSource } from '../source.js';
import type { Change, Changes, Remark } from './change.js';
import { editJson, strictJson, type StrictText } from './edit-json.js';
import { changesOfBundle } from './migrate-bundle.js';
import { changesOfPlan } from './migrate-plan.js';

export type FileKind = 'plan' | 'bundle';

/** What migrating a file comes to. */
export interface Migrated {
  readonly kind: FileKind | null;
  /** `current`: nothing has to be done. `refused`: the problems say why. */
  readonly state: 'current' | 'migrated' | 'refused';
  /** The new text; the old one unless the state is `migrated`. */
  readonly text: string;
  /** What was done, with its place in the old text. */
  readonly changes: readonly Told[];
  readonly notes: readonly Told[];
  readonly problems: readonly Problem[];
  /** Finds a place in the old text; what has another name there gives the nearest thing above it. */
  readonly locate?: Locator;
}

export interface Told {
  readonly line: number;
  readonly column: number;
  /** Such as `steps[3].depends_on`. */
  readonly where: string;
  readonly message: string;
}

/** Works out what a file comes to. Never throws for what is in it. */
export async function migrateText(file: string, text: string): Promise<Migrated> {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : '';
  const body = text.slice(mark.length);
  const isYaml = /\.ya?ml$/i.test(file);
  const strict: StrictText = isYaml
    ? { text: body, inPlace: body, comments: [], hadTrailingCommas: false }
    : strictJson(body);
  const source = await readSource(file, strict.inPlace);
  const faults = faultProblems(file, source.faults);
  const refused = (kind: FileKind | null, problems: readonly Problem[]): Migrated => ({
    ...{ kind, state: 'refused', text, changes: [], notes: [], problems },
  });
  if (!source.usable || faults.some(isError)) return refused(null, faults.filter(isError));
  const { value } = source;
  const locate = await source.locate();
  const problem = (
    path: PlanPath,
    code: ProblemCode,
    message: string,
    hint: string | null = null,
  ): Problem => ({
    ...{ code, severity: 'error', file, ...locate(path, 'value'), path, message, hint },
  });
  const kind = kindOf(value);
  if (kind === null) {
    const message = 'this is neither a plan (an object with "steps") nor a workstream or a list of them';
    return refused(null, [problem([], 'bad-value', message)]);
  }
  const parts = Array.isArray(value)
    ? value.map((part: unknown, index) => [part, [index]] as const)
    : [[value, []] as const];
  const all: Changes[] = [];
  for (const [part, path] of parts) {
    if (!isObject(part)) return refused(kind, [problem(path, 'bad-value', 'this is no object')]);
    const fault = schemaVersionFault(part['schema_version']);
    if (fault !== null)
      return refused(kind, [
        problem([...path, 'schema_version'], fault.code, fault.message, fault.hint ?? null),
      ]);
    if (part['schema_version'] === undefined)
      all.push(kind === 'plan' ? changesOfPlan(part) : changesOfBundle(part, path));
  }
  const told = ({ path, message }: Remark): Told => ({
    ...locate(path, 'key'),
    where: nameOf(path),
    message,
  });
  const refusals = all.flatMap((one) => one.refused);
  if (refusals.length > 0)
    return refused(
      kind,
      refusals.map(({ path, message }) => problem(path, 'bad-value', message)),
    );
  const comments = commentChanges(strict.comments, value, parts[0]![1]);
  const changes = [...all.flatMap((one) => one.changes), ...comments];
  if (changes.length === 0 && !strict.hadTrailingCommas)
    return { kind, state: 'current', text, changes: [], notes: [], problems: [] };
  const edited = isYaml
    ? (await import('./edit-yaml.js')).editYaml(strict.text, changes)
    : editJson(strict.text, changes);
  return {
    ...{ kind, state: 'migrated', text: mark + edited, problems: [], locate },
    changes: [
      ...changes.map((change) => told({ path: placeOf(change), message: change.why })),
      ...(strict.hadTrailingCommas
        ? [told({ path: [], message: 'commas before a closing bracket are gone' })]
        : []),
    ],
    notes: all.flatMap((one) => one.notes).map(told),
  };
}

function kindOf(value: unknown): FileKind | null {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  if (!isObject(one)) return null;
  if (!Array.isArray(value) && Object.hasOwn(one, 'steps') && !Object.hasOwn(one, 'files_scope'))
    return 'plan';
  const isBundle =
    typeof one['id'] === 'string' && (one['id'].startsWith('ws-') || Object.hasOwn(one, 'files_scope'));
  return isBundle ? 'bundle' : null;
}

/** JSON has no comments: their words go where anything may be written. */
function commentChanges(comments: readonly string[], value: unknown, path: PlanPath): Change[] {
  const words = comments.filter((comment) => comment !== '');
  if (words.length === 0) return [];
  const holder = (Array.isArray(value) ? value[0] : value) as Readonly<Record<string, unknown>>;
  const why = 'JSON has no comments: their words are kept here';
  const { metadata } = holder;
  if (!isObject(metadata))
    return [{ kind: 'add', path, key: 'metadata', value: { comments: words }, at: 'back', why }];
  const before: unknown = metadata['comments'];
  if (before === undefined)
    return [{ kind: 'add', path: [...path, 'metadata'], key: 'comments', value: words, at: 'back', why }];
  const all = [...(Array.isArray(before) ? (before as Json[]) : [before as Json]), ...words];
  return [{ kind: 'set', path: [...path, 'metadata', 'comments'], value: all, why }];
}

const placeOf = (change: Change): PlanPath =>
  change.kind === 'add' ? [...change.path, change.key] : change.path;

const nameOf = (path: PlanPath): string =>
  path.map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`)).join('');
