/**
 * `planwright doctor`: what is in force, and what is amiss.
 */
import type { Command } from 'commander';
import type { Finding } from '../../server/finding.js';
import { examples, paintOf, print, printJson, type Host } from '../command.js';
import { findingLine } from '../findings.js';
import { addJson } from '../options.js';
import type { Paint } from '../paint.js';
import { widthOf } from '../text/width.js';
import type { ExitCode, World } from '../world.js';

export function define(command: Command, { world, exit }: Host): void {
  addJson(command).action(async (options: { json: boolean }) => exit(await doctor(world, options)));
  command.addHelpText('after', '\nStarts and changes nothing. Exit code 1 when something does not work.');
  examples(command, 'planwright doctor', 'planwright doctor --json');
}

async function doctor(world: World, { json }: { json: boolean }): Promise<ExitCode> {
  const { examine } = await import('../../server/doctor.js');
  const findings = await examine(world.env);
  if (json) printJson(world, findings);
  else print(world, ...lines(findings, paintOf(world)));
  return findings.some(({ state }) => state === 'failure') ? 1 : 0;
}

function lines(findings: readonly Finding[], paint: Paint): string[] {
  const width = Math.max(...findings.map(({ what }) => widthOf(what)));
  const areas = [...new Set(findings.map(({ area }) => area))];
  return areas.flatMap((area, index) => [
    ...(index > 0 ? [''] : []),
    paint.bold(area),
    ...findings
      .filter((finding) => finding.area === area)
      .flatMap((finding) => findingLine(finding, width, paint)),
  ]);
}
