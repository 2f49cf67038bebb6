/**
 * Links into Temporal's Web UI.
 */
import type { Target } from '../server/target.js';
import type { Link } from './link.js';

/** Returns the page of a run, or null when it is not known where the Web UI is. */
export const webUiOf = (
  { webUi, namespace }: Pick<Target, 'webUi' | 'namespace'>,
  runId: string,
): string | null =>
  webUi === null
    ? null
    : `${webUi}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(runId)}`;

/** Returns the page of a run where a server is there already: who reads a record starts none. */
export async function webUiIfThere(link: Link, runId: string): Promise<string | null> {
  const client = await link.clientIfThere().catch(() => null);
  return client === null ? null : webUiOf(await link.target(), runId);
}
