/**
 * One bundle file: a workstream, or a list of them, each with what is wrong with it.
 */
import { faultProblems, Findings, isError, type Problem } from '../../plan/load/diagnostics.js';
import { addIssues, addUnknownKeys, isObject, knownKeys } from '../../plan/load/shape.js';
import { schemaVersionFault } from '../../plan/load/schema-version.js';
import { readSource } from '../../plan/load/source.js';
import type { Source } from '../../plan/load/source-text.js';
import { harmless, quote, show } from '../../plan/quote.js';
import { utf8Length } from '../../plan/utf8.js';
import type { Workstream } from '../workstream.js';
import type { LoadSetRequest } from './load-set.js';
import { bundleDocument } from './schema.js';
import { workstreamOf } from './workstream-of.js';

/** One bundle on its way: read, or not. */
export interface Draft {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly id: string;
  /** Null when it is malformed: the problems of its draft say why. */
  readonly workstream: Workstream | null;
  readonly problems: Problem[];
  /** Where the ids it depends on stand. */
  readonly place: (path: readonly (string | number)[]) => { readonly line: number; readonly column: number };
}

const KNOWN = knownKeys(bundleDocument);

const stemOf = (file: string): string => file.replace(/^.*[/\\]/, '').replace(/\.[a-z]+$/i, '');

/** Reads a file. Never throws: what cannot be read is a draft without a workstream. */
export async function readBundles(
  file: string,
  readText: LoadSetRequest['readText'],
  strict: boolean,
): Promise<Draft[]> {
  const bad = (problems: Problem[]): Draft[] => {
    const { line, column } = problems.find(isError)!;
    return [
      { file, line, column, id: stemOf(file), workstream: null, problems, place: () => ({ line, column }) },
    ];
  };
  let source: Source;
  try {
    source = await readSource(file, await readText(file));
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const message = `${quote(file)} cannot be read: ${harmless(said)}`;
    return bad([
      { code: 'unreadable', severity: 'error', file, line: 0, column: 0, path: [], message, hint: null },
    ]);
  }
  const faults = faultProblems(file, source.faults);
  if (!source.usable || faults.some(isError)) return bad(faults);
  const locate = await source.locate();
  const { value } = source;
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (parts.length === 0) {
    const message = 'this file holds an empty list; it must hold a workstream or a list of them';
    return bad([
      { code: 'bad-value', severity: 'error', file, line: 1, column: 1, path: [], message, hint: null },
    ]);
  }
  return parts.map((part, index): Draft => {
    const base = Array.isArray(value) ? [index] : [];
    const findings = new Findings();
    const workstream = readBundle(part, base, findings, strict);
    const id = isObject(part) && typeof part['id'] === 'string' ? part['id'] : stemOf(file);
    const problems = findings.located(file, locate);
    if (index === 0) problems.unshift(...faults);
    return {
      file,
      ...locate(base, 'value'),
      id,
      workstream,
      problems,
      place: (path) => locate([...base, ...path], 'value'),
    };
  });
}

/** Keys that mean something elsewhere, and what becomes of them here. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['steps', 'its "tasks" are what the tool is given; the order of workstreams is in "depends_on"'],
  ['execution_steps', 'its "tasks" are what the tool is given'],
  ['acceptance_criteria', 'write commands into "acceptance_tests"'],
]);

function readBundle(
  raw: unknown,
  base: readonly (string | number)[],
  findings: Findings,
  strict: boolean,
): Workstream | null {
  if (!isObject(raw)) {
    const message = `a workstream must be an object with "id", "files_scope", "tasks" and "tool", found ${show(raw)}`;
    findings.add({ code: 'bad-value', path: base, message });
    return null;
  }
  const fault = schemaVersionFault(raw['schema_version']);
  if (fault !== null) {
    findings.add({ ...fault, path: [...base, 'schema_version'] });
    return null;
  }
  const subject = `workstream ${typeof raw['id'] === 'string' ? quote(raw['id']) : String(base[0] ?? 0)}`;
  addUnknown(findings, raw, base, subject, strict);
  const read = bundleDocument.safeParse(raw);
  if (!read.success) addIssues(findings, read.error.issues, raw, base, subject);
  if (strict && raw['dependencies'] !== undefined) {
    const message = `${subject}: "dependencies" is another tool's word`;
    findings.add({
      code: 'unknown-key',
      path: [...base, 'dependencies'],
      at: 'key',
      message,
      hint: 'write "depends_on"',
    });
  }
  if (!read.success) return null;
  const workstream = workstreamOf(read.data);
  checkTexts(workstream, base, findings, subject);
  checkSize(workstream, base, findings, subject);
  return findings.hasErrors ? null : workstream;
}

/** What processes are given. Paths are looked at with their scope. */
function checkTexts(
  { tasks, capabilityPayload: { prompt }, acceptanceTests }: Workstream,
  path: readonly (string | number)[],
  findings: Findings,
  subject: string,
): void {
  const given = {
    tasks,
    capability_payload: prompt === null ? [] : [prompt],
    acceptance_tests: acceptanceTests,
  };
  for (const [key, texts] of Object.entries(given)) {
    const index = texts.findIndex((text) => text.includes('\0'));
    if (index < 0) continue;
    const message = `${subject}: "${key}" holds a NUL character, which no process can be given`;
    findings.add({ code: 'bad-value', path: [...path, key], message });
  }
}

/** A step as it is sent to a worker: what the server does not take would leave the run waiting for ever. */
const MAX_BYTES = 128 * 1024;

function checkSize(
  { tasks, capabilityPayload, filesScope, filesCreate, acceptanceTests }: Workstream,
  path: readonly (string | number)[],
  findings: Findings,
  subject: string,
): void {
  const sent = [tasks, capabilityPayload.prompt, filesScope, filesCreate, acceptanceTests];
  const bytes = utf8Length(JSON.stringify(sent));
  if (bytes <= MAX_BYTES) return;
  const message = `${subject}: its tasks, paths and acceptance tests have ${bytes} bytes together; they may have ${MAX_BYTES}`;
  const hint = 'put long texts into a file of the repository and name it in the tasks';
  findings.add({ code: 'too-large', path, message, hint });
}

/** `doc_id` and keys that open with "_" are other people's notes: passed over unless asked to be strict. */
function addUnknown(
  findings: Findings,
  raw: Readonly<Record<string, unknown>>,
  base: readonly (string | number)[],
  subject: string,
  strict: boolean,
): void {
  if (!strict) {
    const known = Object.fromEntries(
      Object.entries(raw).filter(([key]) => key !== 'doc_id' && !key.startsWith('_')),
    );
    addUnknownKeys(findings, known, KNOWN, base, `${subject}: `, (key) =>
      !ELSEWHERE.has(key) ? null : { code: 'unknown-key', ...passedOver(key) },
    );
    return;
  }
  for (const key of Object.keys(raw)) {
    if (KNOWN.keys.has(key)) continue;
    const message = `${subject}: unknown key ${quote(key)}`;
    const hint = findings.didYouMean(key, KNOWN.keys);
    findings.add({ code: 'unknown-key', path: [...base, key], at: 'key', message, hint });
  }
}

const passedOver = (key: string) =>
  ({ severity: 'warning', message: `${quote(key)} is not read`, hint: ELSEWHERE.get(key)! }) as const;
