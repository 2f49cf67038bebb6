/**
 * The classes of the merge policy, and which of them a path belongs to.
 */
import { readAttributes } from '../git/attributes.js';
import type { Objects } from '../git/objects.js';
import { glob, type Glob } from './globs.js';

/** From the least to the most restrictive: of several matching classes the last one here wins. */
export const CLASSES = ['generated', 'binary', 'human_text', 'config_sensitive', 'do_not_merge'] as const;
export type FileClass = (typeof CLASSES)[number];
/** What a path that no pattern matches belongs to: nothing automatic is done to it. */
export type AnyClass = FileClass | 'unknown';

/** The patterns of each class as written. `!` before one takes back what an earlier one of its class matched. */
export type Rules = Readonly<Record<FileClass, readonly string[]>>;

/** Returns the rules of all classes, asked for one by one. */
export const rulesOf = (patternsOf: (name: FileClass) => readonly string[]): Rules =>
  Object.fromEntries(CLASSES.map((name) => [name, patternsOf(name)])) as Record<FileClass, readonly string[]>;

/** What is known of a file beside its name. */
export interface Evidence {
  /** The attribute `linguist-generated`. */
  readonly declaredGenerated: boolean;
  /** By the attributes `binary`, `-merge`, `merge=binary`, or by its content. */
  readonly binary: boolean;
}

export type Classifier = (path: string, evidence: Evidence) => AnyClass;

/** Returns the function that decides by the rules of a policy. */
export function classifierOf(rules: Rules): Classifier {
  const classes = CLASSES.map((name) => ({ name, rules: rules[name].map(ruleOf) })).reverse();
  // Paths come in order, most of them from the directory of the one before, and most patterns are about how names end.
  // So what a directory decides is asked once, and of the rest only what fits the last letter of a name.
  let directory: string | null = null;
  let byEnd = new Map<string, readonly ClassRules[]>();
  return (path, { declaredGenerated, binary }) => {
    const nameAt = path.lastIndexOf('/') + 1;
    const file = path.slice(nameAt);
    if (directory?.length !== nameAt || !path.startsWith(directory)) {
      const above = path.slice(0, nameAt);
      directory = above;
      byEnd = new Map();
      const parts = above.split('/').slice(0, -1);
      for (const { rules: own } of classes) {
        for (const rule of own) rule.above = parts.length > 0 && standsFor(rule.glob, parts, above);
      }
    }
    const end = file.at(-1) ?? '';
    let fitting = byEnd.get(end);
    if (fitting === undefined) byEnd.set(end, (fitting = classes.map((one) => fittingRules(one, end))));
    for (const { name, rules: own } of fitting) {
      // The repository's author said it of this very file, which beats what its ending says of most.
      if (name === 'human_text' && declaredGenerated) return 'generated';
      if (isIn(own, path, file)) return name;
    }
    if (declaredGenerated) return 'generated';
    return binary ? 'binary' : 'unknown';
  };
}

interface ClassRules {
  readonly name: FileClass;
  readonly rules: readonly Rule[];
}

interface Rule {
  readonly takesBack: boolean;
  readonly glob: Glob;
  /** It matches one of the directories that the path is in. */
  above: boolean;
}

const ruleOf = (text: string): Rule => ({
  takesBack: text.startsWith('!'),
  glob: glob(text.replace(/^!/, '')),
  above: false,
});

/** A directory that a pattern matches stands for all that is in it. */
const standsFor = ({ name, matches }: Glob, parts: readonly string[], directory: string): boolean =>
  name === null ? matches(directory.slice(0, -1)) : parts.some((part) => name(part));

/** Those that can match a file of this directory whose name ends so. */
const fittingRules = ({ name, rules }: ClassRules, end: string): ClassRules => ({
  name,
  rules: rules.filter(({ above, glob: own }) => above || own.mayEndIn(end)),
});

/** The last pattern that matches decides. */
function isIn(rules: readonly Rule[], path: string, file: string): boolean {
  for (let at = rules.length - 1; at >= 0; at -= 1) {
    const { above, glob: own, takesBack } = rules[at] as Rule;
    if (above || (own.name?.(file) ?? own.matches(path))) return !takesBack;
  }
  return false;
}

/**
 * Returns the classes of paths, in their order. The attributes that count are already in place.
 *
 * @param attributed - whether there are any: else nobody is asked for them
 * @param binary - paths known to have binary content: looked at only where a file may come into conflict
 */
export async function classesOf(
  objects: Objects,
  classifier: Classifier,
  paths: readonly string[],
  attributed: boolean,
  binary: ReadonlySet<string>,
): Promise<AnyClass[]> {
  const plain: Evidence = { declaredGenerated: false, binary: false };
  if (!attributed)
    return paths.map((path) => classifier(path, binary.has(path) ? { ...plain, binary: true } : plain));
  const names = ['linguist-generated', 'merge', 'diff'];
  const values = await readAttributes((args, options) => objects.git(args, options), names, paths);
  return paths.map((path) => {
    const merge = values.get('merge')?.get(path);
    const generated = values.get('linguist-generated')?.get(path);
    // The macro `binary` stands for `-diff -merge -text`; what Git LFS keeps is hardly text.
    const declared =
      ['unset', 'binary', 'lfs'].includes(merge ?? '') || values.get('diff')?.get(path) === 'unset';
    return classifier(path, {
      declaredGenerated: generated === 'set' || generated === 'true',
      binary: declared || binary.has(path),
    });
  });
}
