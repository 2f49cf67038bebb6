/**
 * Links into Temporal's Web UI.
 */
import type { Target } from '../server/target.js';

/** Returns the page of a run, or null when it is not known where the Web UI is. */
export const webUiOf = (
  { webUi, namespace }: Pick<Target, 'webUi' | 'namespace'>,
  runId: string,
): string | null =>
  webUi === null
    ? null
    : `${webUi}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(runId)}`;
