/**
 * What was looked at, for people: passed or not, what was found, what to do.
 */
import type { Finding } from '../server/finding.js';
import { paintOf } from './command.js';
import type { Paint } from './paint.js';
import { neutralise } from './text/neutralise.js';
import { pad, widthOf } from './text/width.js';
import type { World } from './world.js';

export function findingLines(world: World, findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ what }) => widthOf(what)));
  return findings.flatMap((finding) => findingLine(finding, width, paintOf(world)));
}

export function findingLine({ what, state, found, remedy }: Finding, width: number, paint: Paint): string[] {
  const mark = {
    ok: paint.green(paint.marks.succeeded),
    warning: paint.yellow('!'),
    failure: paint.red(paint.marks.failed),
  }[state];
  const indent = ' '.repeat(4 + width + 2);
  const body = neutralise(found).split('\n').join(`\n${indent}`);
  const help =
    remedy === null ? [] : [`${indent}${paint.yellow(neutralise(remedy).split('\n').join(`\n${indent}`))}`];
  return [`  ${mark} ${pad(what, width)}  ${body}`, ...help];
}
