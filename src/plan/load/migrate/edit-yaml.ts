/**
 * Changes in a YAML file: its comments stay where they are.
 */
import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';
import type { PlanPath } from '../places.js';
import type { Change } from './change.js';

/** Applies changes to YAML. The paths are those of the text as it is; changes below a key come before its own renaming. */
export function editYaml(text: string, changes: readonly Change[]): string {
  const document = parseDocument(text);
  const mapAt = (path: PlanPath): YAMLMap => {
    const node = path.length === 0 ? document.contents : document.getIn([...path], true);
    if (!isMap(node)) throw new Error(`BUG: there is no object at ${path.join('.')}`);
    return node;
  };
  const renames = changes.filter((change) => change.kind === 'rename');
  for (const change of changes) {
    switch (change.kind) {
      case 'set':
        document.setIn([...change.path], document.createNode(change.value));
        break;
      case 'remove':
        document.deleteIn([...change.path]);
        break;
      case 'add': {
        const map = mapAt(change.path);
        const pair = document.createPair(change.key, change.value);
        // What is said above the first key is said of the file: it stays at the top.
        const first = map.items[0]?.key;
        if (change.at === 'front' && isScalar(first) && isScalar(pair.key)) {
          pair.key.commentBefore = first.commentBefore ?? null;
          first.commentBefore = null;
        }
        if (change.at === 'front') map.items.unshift(pair);
        else map.items.push(pair);
        break;
      }
      case 'rename':
        break;
      default:
        change satisfies never;
    }
  }
  // The deepest first: a path leads through names that are still the old ones.
  for (const { path, key } of renames.toSorted((a, b) => b.path.length - a.path.length)) {
    const pair = mapAt(path.slice(0, -1)).items.find(
      ({ key: own }) => isScalar(own) && own.value === path.at(-1),
    );
    if (pair === undefined || !isScalar(pair.key))
      throw new Error(`BUG: there is no key at ${path.join('.')}`);
    pair.key.value = key;
  }
  return document.toString({ lineWidth: 0 });
}
