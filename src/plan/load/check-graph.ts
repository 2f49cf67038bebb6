/**
 * What must hold between steps: ids, dependencies, cycles, fallbacks.
 */
import { cyclesOf } from '../graph.js';
import { quote } from '../quote.js';
import type { Findings } from './diagnostics.js';
import type { StepMap } from './step-map.js';

/** Reports what is wrong with ids, dependencies and fallbacks. Returns whether the graph can be asked who is above whom. */
export function checkGraph(map: StepMap, findings: Findings): boolean {
  checkIds(map, findings);
  checkDependencies(map, findings);
  checkFallbacks(map, findings);
  const cycles = cyclesOf(map.graph);
  for (const cycle of cycles) addCycle(map, cycle, findings);
  return cycles.length === 0 && map.steps.every((step) => step.isSound);
}

function checkIds(map: StepMap, findings: Findings): void {
  const folded = new Map<string, number>();
  for (const { id, index } of map.steps) {
    if (id === null) continue;
    const path = ['steps', index, 'id'];
    const first = map.indexOf.get(id)!;
    if (first !== index) {
      const message = `duplicate step id ${quote(id)}: step ${first + 1} has it already`;
      findings.add({ code: 'duplicate-id', path, message, hint: 'each step needs an id of its own' });
      continue;
    }
    const like = folded.get(id.toLowerCase());
    if (like === undefined) {
      folded.set(id.toLowerCase(), index);
      continue;
    }
    findings.add({
      code: 'duplicate-id',
      severity: 'warning',
      path,
      message: `step ids ${quote(map.steps[like]!.id!)} and ${quote(id)} differ in letter case only`,
      hint: 'where file names ignore case, they would share a folder for their logs',
    });
  }
}

function checkDependencies(map: StepMap, findings: Findings): void {
  for (const { index, subject, dependsOn } of map.steps) {
    for (const [at, name] of dependsOn.entries()) {
      const target = map.indexOf.get(name);
      const path = ['steps', index, 'depends_on', at];
      if (target === undefined) {
        const message = `${subject} depends on unknown step ${quote(name)}`;
        const hint = findings.didYouMean(name, map.indexOf.keys());
        findings.add({ code: 'unknown-step', path, message, hint });
        continue;
      }
      const primary = map.primary[target]!;
      if (primary < 0 || target === index) continue;
      const primaryId = map.steps[primary]!.id ?? '';
      findings.add({
        code: 'bad-fallback',
        path,
        message: `${subject} depends on ${quote(name)}, which only stands in for ${quote(primaryId)}`,
        hint: `depend on ${quote(primaryId)}: the fallback is met by the same`,
      });
    }
  }
}

function checkFallbacks(map: StepMap, findings: Findings): void {
  for (const { index, id, subject, fallback } of map.steps) {
    if (fallback === null) continue;
    const path = ['steps', index, 'on_failure', 'fallback'];
    const add = (message: string, hint: string | null): void =>
      findings.add({ code: 'bad-fallback', path, message, hint });
    const target = map.indexOf.get(fallback);
    if (target === undefined) {
      const message = `${subject} has the unknown step ${quote(fallback)} as its fallback`;
      const hint = findings.didYouMean(fallback, map.indexOf.keys());
      findings.add({ code: 'unknown-step', path, message, hint });
    } else if (target === index) {
      add(`${subject} is its own fallback`, 'name another step, or use "retries"');
    } else if (map.primary[target] !== index) {
      const other = map.steps[map.primary[target]!]!.id ?? '';
      add(
        `${quote(fallback)} is the fallback of ${quote(other)} already`,
        'a step can stand in for one other only',
      );
    } else if (map.steps[target]!.dependsOn.length > 0) {
      findings.add({
        code: 'bad-fallback',
        path: ['steps', target, 'depends_on'],
        message: `step ${quote(fallback)} is the fallback of ${quote(id ?? '')}, and has dependencies of its own`,
        hint: 'take them out: a fallback has those of the step it stands in for',
      });
    }
  }
}

function addCycle(map: StepMap, cycle: readonly number[], findings: Findings): void {
  const [first] = cycle;
  const step = map.steps[first!]!;
  const next = map.steps[cycle[1] ?? first!]!.id;
  const edge = step.dependsOn.findIndex((name) => name === next);
  const ids = cycle.map((index) => map.steps[index]!.id ?? `step ${index + 1}`);
  // The edge of a fallback to the step it stands in for is not written in its depends_on.
  const isOfFallbacks = edge < 0;
  findings.add({
    code: 'cycle',
    path: ['steps', first!, ...(isOfFallbacks ? ['on_failure', 'fallback'] : ['depends_on', edge])],
    message: isOfFallbacks
      ? `circular fallback detected: ${drawn(ids)}`
      : `circular dependency detected: ${drawn(ids)}`,
    hint: isOfFallbacks ? 'some step must be the last to try' : 'take one of these dependencies out',
  });
}

/** `A → B → A`. Of a long cycle the middle is left out. */
function drawn(ids: readonly string[]): string {
  const closed = [...ids, ids[0]!];
  const most = 20;
  const shown =
    closed.length <= most
      ? closed
      : [...closed.slice(0, most / 2), `… ${closed.length - most} more …`, ...closed.slice(-most / 2)];
  return shown.map((id) => quote(id).slice(1, -1)).join(' → ');
}
