/**
 * The tools of a run: the adapters we know, changed and added to by the configuration.
 */
import type { Capability } from '../workstream.js';
import { ADAPTERS, ANY_COMMAND, type PromptDelivery, type ToolAdapter } from './adapters.js';

/** What a configuration may say of a tool. Null: as the adapter has it. */
export interface ToolSettings {
  readonly executable: string | null;
  readonly model: string | null;
  /** More arguments; for a tool that is no adapter of ours, all of them. */
  readonly args: readonly string[];
  readonly prompt: PromptDelivery | null;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSec: number | null;
  readonly capabilities: readonly Capability[] | null;
  readonly litter: readonly string[];
}

/** A tool as it will be called. */
export interface Tool extends ToolAdapter {
  readonly model: string | null;
  readonly more: readonly string[];
}

export type Tools = Readonly<Record<string, Tool>>;

/**
 * Returns the tools by name.
 *
 * @param enabled - the names that may be used; null for all
 */
export function toolsOf(
  settings: Readonly<Record<string, ToolSettings>>,
  enabled: readonly string[] | null,
): Tools {
  const known = new Map(ADAPTERS.map((adapter) => [adapter.name, adapter]));
  const names = [...new Set([...known.keys(), ...Object.keys(settings)])];
  const isEnabled = (name: string): boolean => enabled === null || enabled.includes(name);
  return Object.fromEntries(
    names.filter(isEnabled).map((name) => [name, toolOf(name, known.get(name), settings[name])]),
  );
}

function toolOf(name: string, adapter: ToolAdapter | undefined, settings: ToolSettings | undefined): Tool {
  const base: ToolAdapter = adapter ?? { ...ANY_COMMAND, name, title: name, executable: name };
  if (settings === undefined) return { ...base, model: null, more: [] };
  return {
    ...base,
    executable: settings.executable ?? base.executable,
    prompt: settings.prompt ?? base.prompt,
    env: { ...base.env, ...settings.env },
    timeoutSec: settings.timeoutSec ?? base.timeoutSec,
    capabilities: settings.capabilities ?? base.capabilities,
    litter: [...base.litter, ...settings.litter],
    model: settings.model,
    more: settings.args,
  };
}
