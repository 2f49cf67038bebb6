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
  const all = classes.flatMap(({ rules: own }) => own);
  const deciding = decidersOf(all);
  // Paths come in order, most of them from the directory of the one before, and most patterns are about how names end.
  // So what a directory decides is asked once, and of the rest only what fits the ending of a name.
  const anywhere: ByEnding = new Map();
  let byEnding: ByEnding = anywhere;
  let directory: string | null = null;
  return (path, { declaredGenerated, binary }) => {
    const nameAt = path.lastIndexOf('/') + 1;
    const file = path.slice(nameAt);
    if (directory?.length !== nameAt || !path.startsWith(directory)) {
      directory = path.slice(0, nameAt);
      for (const rule of all) rule.above = false;
      const above = deciding(directory);
      for (const rule of above) rule.above = true;
      byEnding = above.length === 0 ? anywhere : new Map<string, readonly ClassRules[]>();
    }
    const ending = endingOf(file, byEnding);
    let fitting = byEnding.get(ending);
    if (fitting === undefined)
      byEnding.set(ending, (fitting = classes.map((one) => fittingRules(one, ending))));
    for (const { name, rules: own } of fitting) {
      // The repository's author said it of this very file, which beats what its ending says of most.
      if (name === 'human_text' && declaredGenerated) return 'generated';
      if (isIn(own, path, file)) return name;
    }
    if (declaredGenerated) return 'generated';
    return binary ? 'binary' : 'unknown';
  };
}

/** The rules that can match names by how they end. */
type ByEnding = Map<string, readonly ClassRules[]>;

const MAX_ENDING = 8;
const MAX_ENDINGS = 500;

/** From the last dot on; where that says little, or every name has an ending of its own, the last letter. */
function endingOf(file: string, known: ByEnding): string {
  const dot = file.lastIndexOf('.');
  if (dot >= 0 && file.length - dot <= MAX_ENDING) {
    const ending = file.slice(dot);
    if (known.size < MAX_ENDINGS || known.has(ending)) return ending;
  }
  return file.slice(-1);
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

/** Returns the function that names the rules which a directory (ending in `/`) or one above it matches: they stand for all in it. */
function decidersOf(rules: readonly Rule[]): (directory: string) => readonly Rule[] {
  const ofPaths = rules.filter((rule) => rule.glob.name === null);
  const ofNames = rules.filter((rule) => rule.glob.name !== null);
  const known = new Map<string, readonly Rule[]>(); // most names of directories come again and again
  const byName = (name: string): readonly Rule[] => {
    let found = known.get(name);
    if (found === undefined)
      known.set(name, (found = ofNames.filter((rule) => rule.glob.name?.(name) === true)));
    return found;
  };
  return (directory) => {
    if (directory === '') return [];
    const path = directory.slice(0, -1);
    return [...path.split('/').flatMap(byName), ...ofPaths.filter((rule) => rule.glob.matches(path))];
  };
}

/** Those that can match a file of this directory whose name ends so. */
const fittingRules = ({ name, rules }: ClassRules, ending: string): ClassRules => ({
  name,
  rules: rules.filter(({ above, glob: own }) => above || own.mayEndIn(ending)),
});

/** The last pattern that matches decides. */
function isIn(rules: readonly Rule[], path: string, file: string): boolean {
  for (let at = rules.length - 1; at >= 0; at -= 1) {
    const { above, glob: own, takesBack } = rules[at] as Rule;
    if (above || (own.name?.(file) ?? own.matches(path))) return !takesBack;
  }
  return false;
}

const PLAIN: Evidence = { declaredGenerated: false, binary: false };

/**
 * Returns the function that tells the class of a path. The attributes that count are already in place.
 *
 * @param binary - paths known to have binary content: looked at only where a file may come into conflict
 * @param attributed - the paths it will be asked about, when there are attributes; else null, and nobody is asked for them
 */
export async function classFinder(
  objects: Objects,
  classifier: Classifier,
  binary: ReadonlySet<string>,
  attributed: readonly string[] | null,
): Promise<(path: string) => AnyClass> {
  if (attributed === null)
    return (path) => classifier(path, binary.has(path) ? { ...PLAIN, binary: true } : PLAIN);
  const names = ['linguist-generated', 'merge', 'diff'];
  const values = await readAttributes((args, options) => objects.git(args, options), names, attributed);
  return (path) => {
    const merge = values.get('merge')?.get(path);
    const generated = values.get('linguist-generated')?.get(path);
    // The macro `binary` stands for `-diff -merge -text`; what Git LFS keeps is hardly text.
    const declared =
      ['unset', 'binary', 'lfs'].includes(merge ?? '') || values.get('diff')?.get(path) === 'unset';
    return classifier(path, {
      declaredGenerated: generated === 'set' || generated === 'true',
      binary: declared || binary.has(path),
    });
  };
}
