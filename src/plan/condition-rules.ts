/**
 * Which part of CEL a condition may use, and what it reads.
 *
 * An allow-list: literals, operators, a few functions, one level of the macros over lists. Left out are regular
 * expressions (they can explode), times (their answers hang on a host's time zones) and names that are not written out
 * (nobody could check them before the run).
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { nearest } from './nearest.js';
import { quote, quoteAll } from './quote.js';
import type { StepKind } from './record.js';

/** Something a condition asks of the run. `at` is an offset in its text. */
export type ConditionRead =
  | { readonly kind: 'variable'; readonly name: string; readonly at: number }
  | { readonly kind: 'step'; readonly step: string; readonly output: string | null; readonly at: number };

export interface ConditionFault {
  readonly message: string;
  readonly hint: string | null;
  /** Offset in the condition's text, or null when it is about the whole. */
  readonly at: number | null;
}

export const STEP_FIELDS = ['state', 'exit_code', 'outputs'] as const;
const STATES: readonly StepKind[] = ['pending', 'running', 'succeeded', 'failed', 'skipped', 'canceled'];
const FUNCTIONS = ['has', 'size', 'int', 'double', 'string', 'bool'];
const METHODS = ['contains', 'startsWith', 'endsWith', 'size', 'lowerAscii', 'upperAscii', 'trim'];
export const MACROS = ['all', 'exists', 'exists_one', 'filter', 'map'];

/** The deepest an expression may nest: walks of it recurse, and the stack must not decide an answer. */
const MAX_DEPTH = 60;

/** Returns what is wrong with an expression and what it reads. Types are not looked at. */
export function examineTree(root: ASTNode): { faults: ConditionFault[]; reads: ConditionRead[] } {
  const examination = new Examination();
  examination.walk(root, 0, new Set());
  return examination;
}

/** Returns an access as its root's name and the parts after it, or null when its root is no name: `steps.a["b"]`. */
function accessOf(node: ASTNode): { root: ASTNode & { op: 'id' }; parts: (string | ASTNode)[] } | null {
  const parts: (string | ASTNode)[] = [];
  let at = node;
  while (at.op === '.' || at.op === '[]') {
    const index: string | ASTNode = at.args[1];
    parts.unshift(
      typeof index !== 'string' && index.op === 'value' && typeof index.args === 'string'
        ? index.args
        : index,
    );
    at = at.args[0];
  }
  return at.op === 'id' ? { root: at, parts } : null;
}

class Examination {
  readonly faults: ConditionFault[] = [];
  readonly reads: ConditionRead[] = [];

  /** @param bound - the names that macros around this node have given to the members of lists */
  walk(node: ASTNode, depth: number, bound: ReadonlySet<string>): void {
    if (depth > MAX_DEPTH) return this.fault(node, `it nests more than ${MAX_DEPTH} levels deep`);
    const into = (...nodes: readonly ASTNode[]): void =>
      nodes.forEach((below) => this.walk(below, depth + 1, bound));
    switch (node.op) {
      case 'value':
        return;
      case 'id':
        return this.name(node, bound);
      case '.':
      case '[]': {
        const access = accessOf(node);
        if (access === null || bound.has(access.root.args)) {
          into(node.args[0]);
          return node.op === '[]' ? into(node.args[1]) : undefined;
        }
        const data = this.read(access.root, access.parts, node, bound);
        return into(...data.filter((part) => typeof part !== 'string'));
      }
      case 'call':
        if (!FUNCTIONS.includes(node.args[0])) return this.unknownFunction(node, node.args[0], FUNCTIONS);
        return into(...node.args[1]);
      case 'rcall':
        return this.method(node, depth, bound);
      case 'list':
        return into(...node.args);
      case 'map':
        return into(...node.args.flat());
      case '!_':
      case '-_':
        return into(node.args);
      case '.?':
      case '[?]':
        return this.fault(node, 'optional access is not known here');
      case '==':
      case '!=':
      case 'in':
        this.states(node.args[0], node.args[1]);
        this.states(node.args[1], node.args[0]);
        return into(...node.args);
      default:
        return into(...node.args);
    }
  }

  private method(node: ASTNode & { op: 'rcall' }, depth: number, bound: ReadonlySet<string>): void {
    const [name, receiver, args] = node.args;
    if (!MACROS.includes(name)) {
      if (!METHODS.includes(name)) return this.unknownFunction(node, name, [...METHODS, ...MACROS]);
      return [receiver, ...args].forEach((below) => this.walk(below, depth + 1, bound));
    }
    if (bound.size > 0)
      return this.fault(node, `${quote(name)} stands inside another walk over a list; one is allowed`);
    const [variable, ...bodies] = args;
    const member = variable?.op === 'id' ? variable.args : '';
    if (member === 'vars' || member === 'steps')
      return this.fault(node, `${quote(member)} is taken; give the member another name`);
    this.walk(receiver, depth + 1, bound);
    for (const body of bodies) this.walk(body, depth + 1, new Set([member]));
  }

  private name(node: ASTNode & { op: 'id' }, bound: ReadonlySet<string>): void {
    const name = node.args;
    if (bound.has(name)) return;
    if (name === 'vars') return this.fault(node, '"vars" needs a name after it', 'write vars.NAME');
    if (name === 'steps') return this.fault(node, '"steps" needs a step after it', 'write steps.ID.state');
    const meant = nearest(name, ['vars', 'steps', ...bound]);
    const hint =
      meant === null
        ? 'variables are vars.NAME, steps are steps.ID or steps["ID"]'
        : `did you mean ${quote(meant)}?`;
    this.fault(node, `unknown name ${quote(name)}`, hint);
  }

  /** Notes what `vars.…` or `steps.…` reads, and returns the parts behind it: those of the value itself. */
  private read(
    root: ASTNode & { op: 'id' },
    parts: (string | ASTNode)[],
    node: ASTNode,
    bound: ReadonlySet<string>,
  ): (string | ASTNode)[] {
    if (root.args !== 'vars' && root.args !== 'steps') {
      this.name(root, bound);
      return [];
    }
    const wanted = root.args === 'vars' ? 1 : parts[1] === 'outputs' ? 3 : 2;
    const names = parts.slice(0, wanted);
    const written = names.filter((part) => typeof part === 'string');
    const [first, field, output] = written;
    if (written.length < names.length) {
      this.fault(node, `a name after ${quote(root.args)} must be written out`, `write ${root.args}["name"]`);
    } else if (first !== undefined && root.args === 'vars') {
      this.reads.push({ kind: 'variable', name: first, at: root.start });
    } else if (
      first !== undefined &&
      (field === undefined || output === undefined) &&
      written.length < wanted
    ) {
      const hint =
        field === undefined
          ? 'write .state, .exit_code or .outputs.NAME after it'
          : 'write the name of an output after it';
      this.fault(node, `${quote(node.input.slice(node.start, node.end))} is not a value`, hint);
    } else if (field !== undefined && !(STEP_FIELDS as readonly string[]).includes(field)) {
      const meant = nearest(field, STEP_FIELDS);
      const hint =
        meant === null ? `it has ${quoteAll(STEP_FIELDS, 'and')}` : `did you mean ${quote(meant)}?`;
      this.fault(node, `a step has no ${quote(field)}`, hint);
    } else if (first !== undefined) {
      this.reads.push({ kind: 'step', step: first, output: output ?? null, at: root.start });
    }
    return parts.slice(wanted);
  }

  /** A state that no step can be in makes a comparison that is never true. */
  private states(side: ASTNode, other: ASTNode): void {
    const access = accessOf(side);
    if (access?.root.args !== 'steps' || access.parts.length !== 2 || access.parts[1] !== 'state') return;
    for (const literal of other.op === 'list' ? other.args : [other]) {
      if (
        literal.op !== 'value' ||
        typeof literal.args !== 'string' ||
        (STATES as readonly string[]).includes(literal.args)
      )
        continue;
      const meant = nearest(literal.args, STATES);
      const hint = meant === null ? `states are ${quoteAll(STATES, 'and')}` : `did you mean ${quote(meant)}?`;
      this.fault(literal, `no step is ever ${quote(literal.args)}`, hint);
    }
  }

  private unknownFunction(node: ASTNode, name: string, known: readonly string[]): void {
    if (name === 'matches') {
      return this.fault(
        node,
        'regular expressions are not allowed: they can take for ever',
        'use contains, startsWith or endsWith',
      );
    }
    const meant = nearest(name, known);
    const hint = meant === null ? `there are ${quoteAll(known, 'and', 20)}` : `did you mean ${quote(meant)}?`;
    this.fault(node, `the function ${quote(name)} is not known here`, hint);
  }

  private fault(node: ASTNode, message: string, hint: string | null = null): void {
    this.faults.push({ message, hint, at: node.start });
  }
}
