/**
 * What a condition can cost at most, known before it is ever evaluated: it runs inside a workflow, where a slow answer
 * would stop the whole run.
 *
 * The unit is one comparison or one character looked at. Sizes are bounded where they come from: variables are known,
 * outputs are at most 4 KB a step. A walk over a list is at most one deep, so a cost inside it is `fixed` for each
 * member plus `perUnit` for each unit of the member's size, and the sizes of all members together are that of the list.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { MACROS } from './condition-rules.js';
import { MAX_OUTPUT_BYTES } from './references.js';

/** Units. Ten million took 5 to 50 ms, whatever they were made of. */
export const MAX_COST = 10_000_000;

/** `fixed + perUnit × (size of the member at hand)`. */
interface Amount {
  readonly fixed: number;
  readonly perUnit: number;
}

interface Estimate {
  readonly cost: Amount;
  readonly size: Amount;
}

const constant = (fixed: number): Amount => ({ fixed, perUnit: 0 });
const plus = (...amounts: readonly Amount[]): Amount =>
  amounts.reduce((a, b) => ({ fixed: a.fixed + b.fixed, perUnit: a.perUnit + b.perUnit }));

/**
 * Returns an upper bound of what evaluating an expression costs.
 *
 * @param root - an expression that `examineTree` found nothing wrong with
 * @param sizeOfVariable - how many characters the value of a variable has
 */
export const costOf = (root: ASTNode, sizeOfVariable: (name: string) => number): number =>
  estimate(root, { sizeOfVariable, member: null }).cost.fixed;

interface Surroundings {
  readonly sizeOfVariable: (name: string) => number;
  /** The member of the list that is walked here, and the size of the whole list. */
  readonly member: { readonly name: string; readonly listSize: number } | null;
}

function estimate(node: ASTNode, around: Surroundings): Estimate {
  const of = (below: ASTNode): Estimate => estimate(below, around);
  const listSize = around.member?.listSize ?? 0;
  /** The product of two amounts: where both grow with the member, one of them is at most the size of the list. */
  const times = (a: Amount, b: Amount): Amount => ({
    fixed: a.fixed * b.fixed,
    perUnit: a.fixed * b.perUnit + a.perUnit * b.fixed + a.perUnit * b.perUnit * listSize,
  });
  const all = (nodes: readonly ASTNode[], size: Amount | null = null): Estimate => {
    const parts = nodes.map(of);
    const sizes = plus(constant(1), ...parts.map((part) => part.size));
    return { cost: plus(sizes, ...parts.map((part) => part.cost)), size: size ?? sizes };
  };
  switch (node.op) {
    case 'value':
      return { cost: constant(1), size: constant(typeof node.args === 'string' ? node.args.length : 32) };
    case 'id':
      return {
        cost: constant(1),
        size: node.args === around.member?.name ? { fixed: 0, perUnit: 1 } : constant(0),
      };
    case '.':
    case '[]':
    case '.?':
    case '[?]':
      return access(node, around);
    case 'list':
      return all(node.args);
    case 'map':
      return all(node.args.flat());
    case '+':
      return all(node.args);
    case '?:':
      return all(node.args);
    case 'call':
      return all(node.args[1], node.args[0] === 'string' ? null : constant(32));
    case 'rcall': {
      const [name, receiver, args] = node.args;
      if (MACROS.includes(name)) return walkOver(receiver, args, around);
      const parts = all([receiver, ...args]);
      if (name !== 'contains') return parts;
      // Looking for a text in a text compares, at worst, each character of one with each of the other.
      return { cost: plus(parts.cost, times(of(receiver).size, of(args[0]!).size)), size: constant(1) };
    }
    case '!_':
    case '-_':
      return all([node.args], constant(32));
    default:
      return all(node.args, constant(32));
  }
}

/** `vars.NAME`, `steps.ID.…`, or a part of some other value. */
function access(node: ASTNode & { op: '.' | '[]' | '.?' | '[?]' }, around: Surroundings): Estimate {
  const [holder, key] = node.args;
  const index = typeof key === 'string' ? null : key;
  const name = index?.op === 'value' ? index.args : key;
  const below = estimate(holder, around);
  const cost = plus(constant(1), below.cost, index === null ? constant(0) : estimate(index, around).cost);
  if (holder.op !== 'id' || holder.args === around.member?.name) return { cost, size: below.size };
  // A step is worth its outputs: whatever is read of it, no more than that comes out.
  return {
    cost,
    size: constant(
      holder.args === 'vars' ? around.sizeOfVariable(typeof name === 'string' ? name : '') : MAX_OUTPUT_BYTES,
    ),
  };
}

function walkOver(receiver: ASTNode, args: readonly ASTNode[], around: Surroundings): Estimate {
  const list = estimate(receiver, around);
  const [variable, ...bodies] = args;
  // Walks do not nest, so outside of this one no size hangs on a member.
  const listSize = list.size.fixed;
  const member = { name: variable?.op === 'id' ? variable.args : '', listSize };
  const inner = bodies.map((body) => estimate(body, { ...around, member }));
  const total = (amount: Amount): number => listSize * amount.fixed + amount.perUnit * listSize;
  const cost = inner.reduce(
    (sum, part) => sum + total(plus(constant(1), part.cost)),
    list.cost.fixed + listSize,
  );
  const size = inner.reduce((sum, part) => sum + total(part.size), listSize);
  return { cost: constant(cost), size: constant(size) };
}
