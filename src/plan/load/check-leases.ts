/**
 * What the names of leases must be beside texts.
 */
import { quote } from '../quote.js';
import type { Findings } from './diagnostics.js';
import type { PlanPath } from './places.js';

/** Reports names that still hold a variable: two plans would share a lease that neither means. */
export function checkLeases(
  names: readonly string[],
  path: PlanPath,
  subject: string,
  findings: Findings,
): void {
  names.forEach((name, at) => {
    if (!name.includes('${')) return;
    findings.add({
      code: 'bad-value',
      path: [...path, 'exclusive', at],
      message: `${subject}the lease name ${quote(name)} holds a variable without a value`,
      hint: 'give the variable a "default", or --var NAME=VALUE',
    });
  });
}
