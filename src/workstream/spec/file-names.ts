/**
 * File names in prose: which files a task speaks of, and which of them it makes.
 */
import { normalPath, pathFault, type PathFault } from '../scope.js';

export interface NamedFiles {
  /** Paths seen from the top of the repository, each once, in the order in which they are named. */
  readonly paths: readonly string[];
  /** Of these, what is named after "create" or "add". */
  readonly created: readonly string[];
  /** Names that are no path of the repository. */
  readonly refused: readonly { readonly name: string; readonly fault: PathFault }[];
}

const EXTENSIONS = 'py|json|md|ya?ml|txt|sh|ps1';
// A name with a known ending anywhere in the text; in backquotes, any path with a directory in it.
const NAME = new RegExp(
  String.raw`(?<![\w/\\.@~:*-])(?:[\w.@*?-]+[/\\])*[\w.@*?-]*[\w*?]\.(?:${EXTENSIONS})(?![\w/\\])|(?<=` +
    '`)' +
    String.raw`(?:[\w.@*?-]+[/\\])+[\w.@*?-]*(?=` +
    '`)',
  'gi',
);
// Up to here go the files that are made: "create a.py and b.py in src" makes two, "add a section to a.md" none.
const MADE =
  /\b(?:create|add)(?:s|d|ed|ing)?\b(.*?)(?=\b(?:to|in|into|from|for|with|using|by|update|updates|change|changes|edit|remove|delete|then|that|which|so)\b|[.;!?](?:\s|$)|$)/gi;

/** Finds the files that texts name. */
export function filesIn(texts: readonly string[]): NamedFiles {
  const paths = new Set<string>();
  const created = new Set<string>();
  const refused = new Map<string, PathFault>();
  for (const text of texts.map(withoutAddresses)) {
    for (const name of namesIn(text)) {
      const fault = pathFault(name);
      if (fault === null) paths.add(pathOf(name));
      else refused.set(name, fault);
    }
    for (const line of text.split('\n')) {
      for (const [, made = ''] of line.matchAll(MADE)) {
        for (const name of namesIn(made)) if (pathFault(name) === null) created.add(pathOf(name));
      }
    }
  }
  return {
    paths: [...paths],
    created: [...created],
    refused: [...refused].map(([name, fault]) => ({ name, fault })),
  };
}

const namesIn = (text: string): string[] => [...text.matchAll(NAME)].map(([name]) => name);
const withoutAddresses = (text: string): string => text.replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, ' ');
const pathOf = (name: string): string => normalPath(name) + (/[/\\]$/.test(name) ? '/' : '');
