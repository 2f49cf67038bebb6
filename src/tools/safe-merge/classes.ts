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
  // Paths come in order, most of them from the directory of the one before: what it says is asked once.
  let directory: string | null = null;
  return (path, { declaredGenerated, binary }) => {
    const parts = path.split('/');
    const last = parts.length - 1;
    const above = path.slice(0, path.length - (parts[last] as string).length);
    if (above !== directory) {
      directory = above;
      for (const { rules: own } of classes) {
        for (const rule of own) rule.above = parts.some((part, at) => at < last && rule.glob.name?.(part));
      }
    }
    for (const { name, rules: own } of classes) {
      // The repository's author said it of this very file, which beats what its ending says of most.
      if (name === 'human_text' && declaredGenerated) return 'generated';
      if (isIn(own, path, parts)) return name;
    }
    if (declaredGenerated) return 'generated';
    return binary ? 'binary' : 'unknown';
  };
}

interface Rule {
  readonly takesBack: boolean;
  readonly glob: Glob;
  /** It names one of the directories that the path is in. */
  above: boolean;
}

const ruleOf = (text: string): Rule => ({
  takesBack: text.startsWith('!'),
  glob: glob(text.replace(/^!/, '')),
  above: false,
});

/** The last pattern that matches decides. */
function isIn(rules: readonly Rule[], path: string, parts: readonly string[]): boolean {
  for (let at = rules.length - 1; at >= 0; at -= 1) {
    const { above, glob: own, takesBack } = rules[at] as Rule;
    if (above || (own.name?.(parts.at(-1) ?? '') ?? own.matches(path, parts))) return !takesBack;
  }
  return false;
}

/**
 * Returns the class of each path. The attributes that count are already in place.
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
): Promise<Map<string, AnyClass>> {
  const names = ['linguist-generated', 'merge', 'diff'];
  const asked = attributed ? paths : [];
  const values = await readAttributes((args, options) => objects.git(args, options), names, asked);
  const classes = new Map<string, AnyClass>();
  for (const path of paths) {
    const merge = values.get('merge')?.get(path);
    const generated = values.get('linguist-generated')?.get(path);
    // The macro `binary` stands for `-diff -merge -text`.
    const declared = merge === 'unset' || merge === 'binary' || values.get('diff')?.get(path) === 'unset';
    classes.set(
      path,
      classifier(path, {
        declaredGenerated: generated === 'set' || generated === 'true',
        binary: declared || binary.has(path),
      }),
    );
  }
  return classes;
}
