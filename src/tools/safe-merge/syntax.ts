/**
 * Whether a resolved file still reads as what its ending says.
 */
import { parseAllDocuments } from 'yaml';

/** Returns what is wrong with `text`, or null: also when its ending says nothing we know. */
export function syntaxError(path: string, text: string): string | null {
  if (path.endsWith('.json')) return jsonError(text);
  return /\.ya?ml$/.test(path) ? yamlError(text) : null;
}

function jsonError(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function yamlError(text: string): string | null {
  const documents = parseAllDocuments(text);
  for (const document of Array.isArray(documents) ? documents : []) {
    const [first] = document.errors;
    if (first !== undefined) return first.message.split('\n')[0] ?? 'it is no YAML';
  }
  return null;
}
