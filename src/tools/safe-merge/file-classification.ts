/**
 * Step 5: which class every file belongs to, by the merge policy.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ATTRIBUTES_FILE, useAttributes } from '../git/attributes.js';
import { isAncestor, mergeBases } from '../git/merge-tree.js';
import { type Objects, withObjects } from '../git/objects.js';
import { trackingRef, findRemote } from '../git/remote.js';
import { readRef } from '../git/refs.js';
import { binaryChanges, diffTrees, isSubmodule, listTree, readBlob, type TreeListing } from '../git/tree.js';
import { type AnyClass, classFinder, classifierOf } from './classes.js';
import { textOf } from './options.js';
import { BadPolicy, type Policy, policyOf, shippedPolicy } from './policy.js';
import { type Report, stopped } from './reasons.js';
import { Listing, LISTING } from './report-text.js';
import type { Context, Finding, OptionValues, Tool } from './tool.js';
import { counted } from './words.js';

/** Where a repository keeps its own policy. */
export const OWN_POLICY = 'config/merge_policy.yaml';

export const fileClassification: Tool = {
  name: 'file_classification',
  patternId: 'MERGE-008',
  phase: 3,
  phaseName: 'file_classification',
  summary: 'Puts every tracked file into a class of the merge policy.',
  help: [
    `Without --policy the target branch's own ${OWN_POLICY} counts (as committed), else the one that comes with Planwright.`,
    'Exit codes: 0 done, 2 the policy is missing or wrong.',
  ].join('\n'),
  options: [
    { flags: '--policy <file>', description: 'the policy to use; relative to where you stand', default: '' },
  ],
  endsPhase: true,
  tolerated: false,
  run: classify,
};

async function classify(context: Context, options: OptionValues): Promise<Finding> {
  const { repository, target, directory } = context;
  const tip = await readRef(repository, `refs/heads/${target.branch}`);
  if (tip === null) {
    throw stopped('file_classification_failed', 2, {
      code: 'branch_missing',
      message: `there is no local branch "${target.branch}" with a commit.`,
      hint: 'Run env_scan: it says more.',
    });
  }
  return withObjects(repository, directory, async (objects) => {
    const [files, sides] = await Promise.all([listTree(objects, tip), partedSides(context, objects, tip)]);
    const policy = await findPolicy(context, objects, files, textOf(options, 'policy'));
    for (const warning of policy.warnings) context.say(`file_classification: ${policy.from}: ${warning}`);
    const attributed = await useAttributes(objects, files.named(ATTRIBUTES_FILE));
    const { changed, binary } = await changes(objects, sides);
    const each = (visit: (path: string) => void): void => eachPath(files, changed, visit);
    const asked: string[] = [];
    if (attributed) each((path) => asked.push(path));
    const classifier = classifierOf(policy.rules);
    const classOf = await classFinder(objects, classifier, binary, attributed ? asked : null);
    return finding(policy, tip, each, classOf);
  });
}

/** All files of the branch, and those that only one side has. */
function eachPath(files: TreeListing, changed: readonly string[], visit: (path: string) => void): void {
  const isNew = new Set(changed);
  files.eachFile((path) => {
    if (isNew.size > 0) isNew.delete(path);
    visit(path);
  });
  isNew.forEach(visit);
}

function finding(
  policy: Policy,
  tip: string,
  each: (visit: (path: string) => void) => void,
  classOf: (path: string) => AnyClass,
): Finding {
  const listing = new Listing();
  const summary: Record<string, number> = {};
  each((path) => {
    const name = classOf(path);
    summary[name] = (summary[name] ?? 0) + 1;
    listing.add(path, name);
  });
  const report: Report = {
    policy: policy.from,
    policy_digest: policy.digest,
    commit: tip,
    rules: policy.rules,
    summary,
    timestamp_safe_classes: policy.timestampSafe,
    never_timestamp_classes: policy.neverTimestamp,
    warnings: policy.warnings,
    [LISTING]: listing,
  };
  const parts = Object.entries(summary).map(([name, count]) => `${count} ${name}`);
  const total = Object.values(summary).reduce((sum, count) => sum + count, 0);
  return { summary: `${counted(total, 'file')}: ${parts.join(', ') || 'none'}`, report };
}

async function findPolicy(
  context: Context,
  objects: Objects,
  files: TreeListing,
  given: string,
): Promise<Policy> {
  try {
    const shipped = await shippedPolicy();
    if (given !== '') {
      const path = resolve(context.cwd, given);
      return policyOf(await readPolicy(path), path, shipped);
    }
    const own = files.named(OWN_POLICY).find(({ path, mode }) => path === OWN_POLICY && !isSubmodule(mode));
    if (own === undefined) return shipped;
    const text = (await readBlob(objects, own.id, 1024 * 1024)).toString('utf8');
    return policyOf(text, `${context.target.branch}:${OWN_POLICY}`, shipped);
  } catch (error) {
    if (!(error instanceof BadPolicy)) throw error;
    throw stopped('file_classification_failed', 2, {
      code: 'merge_policy_invalid',
      message: `the merge policy cannot be used: ${error.message}.`,
      hint: 'Correct it; config/merge_policy.yaml of Planwright shows the form.',
    });
  }
}

async function readPolicy(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw stopped('merge_policy_missing', 2, {
      code: 'merge_policy_missing',
      message: `the merge policy "${path}" cannot be read: ${(error as Error).message}.`,
      hint: 'Name one that exists (--policy), or leave it out for the default one.',
    });
  }
}

interface Changes {
  readonly changed: readonly string[];
  /** Those of them with binary content. */
  readonly binary: ReadonlySet<string>;
}

/** Where the branch parted from what is to be merged, and both tips. */
interface Sides {
  readonly base: string;
  readonly tips: readonly [string, string];
}

/** As far as the other side is known before the fetch; null when it is not, or is in the branch already. */
async function partedSides(context: Context, objects: Objects, tip: string): Promise<Sides | null> {
  const { repository, target } = context;
  const remote = await findRemote(repository, target.remote);
  const ref =
    target.source.kind === 'local'
      ? `refs/heads/${target.source.branch}`
      : trackingRef(remote?.refspecs ?? [], target.source.branch);
  const other = ref === null ? null : await readRef(repository, ref);
  if (other === null || (await isAncestor(objects, other, tip))) return null;
  const [base] = await mergeBases(objects, tip, other);
  return base === undefined ? null : { base, tips: [tip, other] };
}

/** Files that one side changed since both parted. */
async function changes(objects: Objects, sides: Sides | null): Promise<Changes> {
  const changed = new Set<string>();
  const binary = new Set<string>();
  if (sides === null) return { changed: [], binary };
  const { base, tips } = sides;
  for (const side of tips) {
    for (const { path, after } of await diffTrees(objects, base, side)) {
      if (after !== null && !isSubmodule(after.mode)) changed.add(path);
    }
    for (const path of await binaryChanges(objects, base, side)) binary.add(path);
  }
  return { changed: [...changed], binary };
}
