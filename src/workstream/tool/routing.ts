/**
 * Which tool does a workstream: what it asks for, else what the rules say of its files, else the default.
 */
import { covers, normalPath } from '../scope.js';
import type { Capability, Workstream } from '../workstream.js';

export interface RoutingRule {
  /** A pattern of the whole path, or, without "/", of its last name. */
  readonly pattern: string;
  readonly tool: string;
  /** The highest wins; of equal ones the first. */
  readonly priority: number;
}

export interface Routing {
  readonly rules: readonly RoutingRule[];
  readonly defaultTool: string;
  /** What each usable tool can do, in order of preference. */
  readonly tools: Readonly<Record<string, readonly Capability[]>>;
  /** Who takes over from whom when the first cannot be used. */
  readonly fallbacks: Readonly<Record<string, readonly string[]>>;
}

export interface Route {
  readonly tool: string;
  readonly by: 'capability' | 'tool' | 'rules' | 'default';
  /** For people, when it is not simply what was asked for; null otherwise. */
  readonly note: string | null;
}

/** A bundle's `tool` that leaves the choice to the rules. */
export const ANY_TOOL = 'auto';

/** Chooses the tool of a workstream. */
export function routeTool(
  workstream: Pick<Workstream, 'tool' | 'capability' | 'filesScope'>,
  routing: Routing,
): Route {
  const { tool, capability } = workstream;
  const has = (name: string): boolean => Object.hasOwn(routing.tools, name);
  if (capability !== null) {
    const able = Object.keys(routing.tools).filter((name) => routing.tools[name]!.includes(capability));
    const first = able.includes(tool) ? tool : able[0];
    if (first !== undefined) return { tool: first, by: 'capability', note: null };
  }
  const missed = capability === null ? null : `no usable tool has the capability "${capability}"`;
  if (tool !== ANY_TOOL && has(tool)) return { tool, by: 'tool', note: missed };
  const refused = tool === ANY_TOOL ? missed : `the tool "${tool}" is not among those that may be used`;
  const routed = routeFiles(
    workstream.filesScope,
    routing.rules.filter((rule) => has(rule.tool)),
  );
  if (routed === null) return { tool: routing.defaultTool, by: 'default', note: refused };
  return { tool: routed.tool, by: 'rules', note: [refused, routed.note].filter(Boolean).join('; ') || null };
}

/** Returns the tool of most files, each by its own best rule; null when no rule fits any. */
function routeFiles(
  files: readonly string[],
  rules: readonly RoutingRule[],
): Pick<Route, 'tool' | 'note'> | null {
  const sorted = rules
    .map((rule, at) => ({ rule, at }))
    .sort((a, b) => b.rule.priority - a.rule.priority || a.at - b.at);
  const votes = new Map<string, { count: number; best: number }>();
  for (const file of files) {
    const best = sorted.findIndex(({ rule }) => fits(rule.pattern, file));
    if (best < 0) continue;
    const { tool } = sorted[best]!.rule;
    const vote = votes.get(tool) ?? { count: 0, best };
    votes.set(tool, { count: vote.count + 1, best: Math.min(vote.best, best) });
  }
  const [winner, ...others] = [...votes].sort(([, a], [, b]) => b.count - a.count || a.best - b.best);
  if (winner === undefined) return null;
  const [tool, { count }] = winner;
  const also = others.map(([name, vote]) => `"${name}" for ${vote.count}`).join(', ');
  return { tool, note: others.length === 0 ? null : `mixed files: "${tool}" for ${count}, ${also}` };
}

function fits(pattern: string, file: string): boolean {
  const path = normalPath(file);
  return covers(pattern, pattern.includes('/') ? path : path.slice(path.lastIndexOf('/') + 1));
}

/** Returns the tool and those that take over from it, each once: chains that lead back stop. */
export function chainOf({ tool }: Route, routing: Routing): string[] {
  const chain = [tool];
  for (let at = 0; at < chain.length; at += 1) {
    for (const next of routing.fallbacks[chain[at]!] ?? []) {
      if (!chain.includes(next) && Object.hasOwn(routing.tools, next)) chain.push(next);
    }
  }
  return chain;
}
