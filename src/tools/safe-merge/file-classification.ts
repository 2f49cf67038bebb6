/**
 * Step 5: which class every file belongs to, by the merge policy.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isAttributesFile, useAttributes } from '../git/attributes.js';
import { isAncestor, mergeBases } from '../git/merge-tree.js';
import { type Objects, withObjects } from '../git/objects.js';
import { trackingRef, findRemote } from '../git/remote.js';
import { readRef } from '../git/refs.js';
import { binaryChanges, diffTrees, isSubmodule, listFiles, readBlob, type TreeEntry } from '../git/tree.js';
import { type AnyClass, classesOf, classifierOf } from './classes.js';
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
    const { paths, named } = await listFiles(
      objects,
      tip,
      (path) => path === OWN_POLICY || isAttributesFile(path),
    );
    const policy = await findPolicy(context, objects, named, textOf(options, 'policy'));
    for (const warning of policy.warnings) context.say(`file_classification: ${policy.from}: ${warning}`);
    const attributed = await useAttributes(objects, named);
    const { changed, binary } = await changes(context, objects, tip);
    const isNew = new Set(changed);
    if (isNew.size > 0) for (const path of paths) isNew.delete(path);
    paths.push(...isNew);
    const classes = await classesOf(objects, classifierOf(policy.rules), paths, attributed, binary);
    return finding(policy, tip, paths, classes);
  });
}

function finding(
  policy: Policy,
  tip: string,
  paths: readonly string[],
  classes: readonly AnyClass[],
): Finding {
  const summary: Record<string, number> = {};
  for (const name of classes) summary[name] = (summary[name] ?? 0) + 1;
  const report: Report = {
    policy: policy.from,
    policy_digest: policy.digest,
    commit: tip,
    rules: policy.rules,
    summary,
    timestamp_safe_classes: policy.timestampSafe,
    never_timestamp_classes: policy.neverTimestamp,
    warnings: policy.warnings,
    [LISTING]: new Listing(paths, classes),
  };
  const parts = Object.entries(summary).map(([name, count]) => `${count} ${name}`);
  return { summary: `${counted(paths.length, 'file')}: ${parts.join(', ') || 'none'}`, report };
}

async function findPolicy(
  context: Context,
  objects: Objects,
  entries: readonly TreeEntry[],
  given: string,
): Promise<Policy> {
  try {
    const shipped = await shippedPolicy();
    if (given !== '') {
      const path = resolve(context.cwd, given);
      return policyOf(await readPolicy(path), path, shipped);
    }
    const own = entries.find((entry) => entry.path === OWN_POLICY);
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

/** Files that one side changed since both parted, as far as the other side is known before the fetch. */
async function changes(context: Context, objects: Objects, tip: string): Promise<Changes> {
  const { repository, target } = context;
  const remote = await findRemote(repository, target.remote);
  const ref =
    target.source.kind === 'local'
      ? `refs/heads/${target.source.branch}`
      : trackingRef(remote?.refspecs ?? [], target.source.branch);
  const other = ref === null ? null : await readRef(repository, ref);
  const changed = new Set<string>();
  const binary = new Set<string>();
  if (other === null || (await isAncestor(objects, other, tip))) return { changed: [], binary };
  const [base] = await mergeBases(objects, tip, other);
  if (base === undefined) return { changed: [], binary };
  for (const side of [tip, other]) {
    for (const { path, after } of await diffTrees(objects, base, side)) {
      if (after !== null && !isSubmodule(after.mode)) changed.add(path);
    }
    for (const path of await binaryChanges(objects, base, side)) binary.add(path);
  }
  return { changed: [...changed], binary };
}
