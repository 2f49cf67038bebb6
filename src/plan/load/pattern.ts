/**
 * `pattern` of a variable: a regular expression out of a plan file, matched in time that grows with the length of the
 * value and nothing else.
 *
 * JavaScript's own engine backtracks: a plan could make it run for years, and no list of forbidden shapes catches all
 * that explode. This one walks all alternatives at once (Thompson, 1968) and has no shape that explodes. The price is
 * that look-around and back-references are not there.
 */
import { parsePattern, Refused, type PatternNode, type Ranges } from './pattern-syntax.js';

/** Characters of a pattern, steps of its program and characters of a value: at most 8 million moves for a match. */
const MAX_PATTERN = 500;
const MAX_PROGRAM = 2_000;
export const MAX_MATCHED = 4_096;

/** A pattern ready to be used. The whole value must match, with or without `^` and `$`. */
export interface Pattern {
  readonly matches: (value: string) => boolean;
}

/** Returns the pattern, or a sentence that says why it cannot be used. */
export function compilePattern(text: string): Pattern | string {
  if (text.length > MAX_PATTERN) return `it has ${text.length} characters; a pattern may have ${MAX_PATTERN}`;
  try {
    const program = compile(parsePattern(text));
    return { matches: (value) => run(program, value) };
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

type Instruction =
  | { readonly kind: 'set'; readonly ranges: Ranges; readonly negated: boolean }
  | { readonly kind: 'edge'; readonly edge: 'start' | 'end' }
  | { readonly kind: 'split'; readonly to: number[] }
  | { readonly kind: 'done' };

function compile(node: PatternNode): readonly Instruction[] {
  const program: Instruction[] = [];
  let emitted = 0;
  const add = (instruction: Instruction): void => {
    if (program.length >= MAX_PROGRAM) throw tooLong();
    program.push(instruction);
  };
  const emit = (part: PatternNode): void => {
    // Counted apart from the program: "(){999}" inside "(){999}" is a million times nothing.
    emitted += 1;
    if (emitted > 4 * MAX_PROGRAM) throw tooLong();
    switch (part.kind) {
      case 'set':
      case 'edge':
        return add(part);
      case 'sequence':
        return part.parts.forEach(emit);
      case 'choice': {
        const starts: number[] = [];
        add({ kind: 'split', to: starts });
        const exits = part.branches.map((branch) => {
          starts.push(program.length);
          emit(branch);
          const exit: number[] = [];
          add({ kind: 'split', to: exit });
          return exit;
        });
        return exits.forEach((exit) => exit.push(program.length));
      }
      case 'repeat': {
        for (let count = 0; count < part.least; count += 1) emit(part.body);
        if (part.most === Infinity) {
          const loop: number[] = [];
          const start = program.length;
          add({ kind: 'split', to: loop });
          emit(part.body);
          add({ kind: 'split', to: [start] });
          return void loop.push(start + 1, program.length);
        }
        const skips: number[][] = [];
        for (let count = part.least; count < part.most; count += 1) {
          const skip: number[] = [program.length + 1];
          skips.push(skip);
          add({ kind: 'split', to: skip });
          emit(part.body);
        }
        return skips.forEach((skip) => skip.push(program.length));
      }
      default:
        throw new Error('BUG: no such part of a pattern');
    }
  };
  emit(node);
  add({ kind: 'done' });
  return program;
}

const tooLong = (): Refused =>
  new Refused(`with its repetitions written out it is longer than ${MAX_PROGRAM} characters`);

/** Walks all ways through the program at once: each instruction at most once for each character. */
function run(program: readonly Instruction[], value: string): boolean {
  const points = Array.from(value, (character) => character.codePointAt(0)!);
  const reachedAt = new Int32Array(program.length).fill(-1);
  const reach = (from: readonly number[], at: number): number[] => {
    const reached: number[] = [];
    const open = [...from];
    while (open.length > 0) {
      const next = open.pop()!;
      if (reachedAt[next] === at) continue;
      reachedAt[next] = at;
      const instruction = program[next]!;
      if (instruction.kind === 'split') open.push(...instruction.to);
      else if (instruction.kind !== 'edge') reached.push(next);
      else if (instruction.edge === 'start' ? at === 0 : at === points.length) open.push(next + 1);
    }
    return reached;
  };
  let current = reach([0], 0);
  for (const [index, point] of points.entries()) {
    const onward: number[] = [];
    for (const at of current) {
      const instruction = program[at]!;
      if (instruction.kind === 'set' && has(instruction, point)) onward.push(at + 1);
    }
    current = reach(onward, index + 1);
    if (current.length === 0) return false;
  }
  return current.some((at) => program[at]!.kind === 'done');
}

const has = (set: { readonly ranges: Ranges; readonly negated: boolean }, point: number): boolean =>
  set.ranges.some(([from, to]) => from <= point && point <= to) !== set.negated;
