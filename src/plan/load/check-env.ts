/**
 * What an environment may not hold.
 */
import { quote } from '../quote.js';
import type { Findings } from './diagnostics.js';
import type { PlanPath } from './places.js';

/** The engine tells each command who it is; a plan that said something else would only be overruled. */
const RESERVED = new Set([
  'PLANWRIGHT_RUN_ID',
  'PLANWRIGHT_STEP_ID',
  'PLANWRIGHT_ATTEMPT',
  'PLANWRIGHT_OUTPUT',
  'PLANWRIGHT_MARK',
  'PLANWRIGHT_LEASES',
  'PLANWRIGHT_LEASE_TOKEN',
  'PLANWRIGHT_LEASE_WAITED_MS',
]);

/** Reports names that are the engine's, and values that no process can be given. */
export function checkEnv(
  env: Readonly<Record<string, string>>,
  path: PlanPath,
  subject: string,
  findings: Findings,
): void {
  for (const [name, value] of Object.entries(env)) {
    if (RESERVED.has(name)) {
      const message = `${subject}the environment variable ${quote(name)} is set by the engine`;
      findings.add({
        code: 'conflict',
        path: [...path, name],
        at: 'key',
        message,
        hint: 'choose another name',
      });
    }
    if (value.includes('\0')) {
      const message = `${subject}the environment variable ${quote(name)} holds a NUL character, which no process can be given`;
      findings.add({ code: 'bad-value', path: [...path, name], message });
    }
  }
}
