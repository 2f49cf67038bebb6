/**
 * From the text of a configuration file to settings, or to everything that is wrong with it.
 */
import { faultProblems, Findings, hasErrors, inOrder, type Problem } from '../../plan/load/diagnostics.js';
import { conflictHelp } from '../../plan/load/step-types/conflicts.js';
import { addIssues, addUnknownKeys, knownKeys } from '../../plan/load/shape.js';
import { readSource } from '../../plan/load/source.js';
import { quote, quoteAll } from '../../plan/quote.js';
import { DEFAULT_BREAKER_LIMITS } from '../breaker.js';
import { DEFAULT_FIX_LIMITS, type FixLimits, type StepLimits } from '../fix-loop.js';
import type { WorkstreamSettings } from '../settings.js';
import { ADAPTERS } from '../tool/adapters.js';
import { toolsOf, type ToolSettings } from '../tool/registry.js';
import { settingsDocument, type SettingsDocument } from './settings-schema.js';

export interface LoadedSettings {
  /** Null when there are errors. */
  readonly settings: WorkstreamSettings | null;
  readonly problems: readonly Problem[];
}

const KNOWN = knownKeys(settingsDocument);

/** Returns the settings of somebody who has no configuration file. */
export const defaultSettings = (): WorkstreamSettings => settingsOf(settingsDocument.parse({}));

/** Loads a configuration. Never throws for what is in the text. An empty file is all defaults. */
export async function loadSettings(file: string, text: string): Promise<LoadedSettings> {
  const source = await readSource(file, text.trim() === '' ? '{}' : text);
  const problems = faultProblems(file, source.faults);
  if (!source.usable || hasErrors(problems)) return { settings: null, problems };
  const findings = new Findings();
  const raw = source.value ?? {};
  const read = settingsDocument.safeParse(raw);
  addUnknownKeys(findings, raw, KNOWN, [], '');
  if (!read.success) addIssues(findings, read.error.issues, raw, [], 'the configuration');
  else checkTools(read.data, findings);
  problems.push(...findings.located(file, await source.locate()));
  const ordered = inOrder(problems, [file]);
  return { settings: read.success && !findings.hasErrors ? settingsOf(read.data) : null, problems: ordered };
}

/** Checks what must hold between sections. */
function checkTools(document: SettingsDocument, findings: Findings): void {
  const settings = settingsOf(document);
  const usable = Object.keys(settings.routing.tools);
  const check = (name: string, path: readonly (string | number)[], what: string): void => {
    if (usable.includes(name)) return;
    findings.add({
      code: 'bad-value',
      path,
      message: `${what} ${quote(name)} is not a tool that may be used`,
      hint: findings.didYouMean(name, usable) ?? `there are ${quoteAll(usable, 'and')}`,
    });
  };
  check(document.execution.default_tool, ['execution', 'default_tool'], 'the default tool');
  document.adapters.routing.forEach(({ tool }, at) =>
    check(tool, ['adapters', 'routing', at, 'tool'], 'the tool of this rule,'),
  );
  for (const [from, list] of Object.entries(document.adapters.fallbacks)) {
    list.forEach((tool, at) => check(tool, ['adapters', 'fallbacks', from, at], 'the fallback'));
  }
  for (const section of ['tools', 'tool_config'] as const) {
    for (const [name, { mode }] of Object.entries(document[section])) {
      if (mode !== 'interactive') continue;
      findings.add({
        code: 'bad-value',
        severity: 'warning',
        path: [section, name, 'mode'],
        message: `${quote(name)}: "interactive" cannot run unattended; its non-interactive form is used`,
      });
    }
  }
  checkPrompts(document, settings, findings);
  checkModels(document, settings, findings);
  const names = new Set<string>();
  document.gates.forEach(({ name }, at) => {
    if (names.has(name)) {
      findings.add({
        code: 'duplicate-id',
        path: ['gates', at, 'name'],
        message: `there are two gates named ${quote(name)}`,
      });
    }
    names.add(name);
  });
}

/** A tool that nobody tells what to do would do nothing, and say that it is done. */
function checkPrompts(document: SettingsDocument, { tools }: WorkstreamSettings, findings: Findings): void {
  const own = Object.values(toolsOf(tools, null)).filter(
    ({ name }) => !ADAPTERS.some((one) => one.name === name),
  );
  for (const { name, prompt, more, env } of own) {
    if (prompt !== 'argument') continue;
    if ([...more, ...Object.values(env)].some((text) => /\{prompt(File)?\}/.test(text))) continue;
    const section = Object.hasOwn(document.tools, name) ? 'tools' : 'tool_config';
    findings.add({
      code: 'bad-value',
      path: [section, name, 'prompt'],
      message: `${quote(name)}: its prompt goes by argument, and none of its "args" says where`,
      hint: 'write "{prompt}" among them: args: ["{prompt}"]',
    });
  }
}

/** Options with nothing behind them are worse than none, and a model that nobody is told of is not the one that works. */
function checkModels(document: SettingsDocument, { tools }: WorkstreamSettings, findings: Findings): void {
  for (const { name, model, modelOption, more, env } of Object.values(toolsOf(tools, null))) {
    const section = Object.hasOwn(document.tools, name) ? 'tools' : 'tool_config';
    const isAskedFor = [...more, ...Object.values(env)].some((text) => text.includes('{model}'));
    if (model === null && isAskedFor) {
      findings.add({
        code: 'bad-value',
        path: [section, name],
        message: `${quote(name)}: {model} is among what it is called with, and it has no "model"`,
        hint: 'name the one that is used where nobody asks for another: model: …',
      });
    }
    if (model === null || isAskedFor || modelOption !== null) continue;
    const isOurs = ADAPTERS.some((one) => one.name === name);
    findings.add({
      code: 'bad-value',
      severity: 'warning',
      path: [section, name, 'model'],
      message: isOurs
        ? `${quote(name)}: it takes no model`
        : `${quote(name)}: its model is told it as PLANWRIGHT_MODEL alone`,
      ...(isOurs
        ? {}
        : { hint: 'for an option write "{model}" among its "args": args: [--model, "{model}"]' }),
    });
  }
}

function settingsOf(document: SettingsDocument): WorkstreamSettings {
  const { execution, adapters, patches, breakers, budget } = document;
  const tools = Object.fromEntries(
    // `tool_config` is the older name: what both say, `tools` says last.
    Object.entries({ ...document.tool_config, ...document.tools }).map(([name, tool]) => [
      name,
      toolSettings(tool),
    ]),
  );
  const usable = toolsOf(tools, adapters.enabled);
  return {
    project: document.project,
    execution,
    tools,
    enabledTools: adapters.enabled,
    routing: {
      rules: adapters.routing,
      defaultTool: execution.default_tool,
      tools: Object.fromEntries(Object.values(usable).map(({ name, capabilities }) => [name, capabilities])),
      fallbacks: adapters.fallbacks,
    },
    isolation: document.isolation,
    dag: document.dag,
    safety: document.safety,
    monitoring: document.monitoring,
    fix: fixLimits(document),
    breaker: {
      ...DEFAULT_BREAKER_LIMITS,
      failures: breakers.failures,
      openMs: breakers.open_seconds * 1_000,
    },
    budget: { maxUsd: budget.max_cost_usd, warnAt: budget.warn_at, mode: budget.mode },
    patches: {
      maxLines: patches.max_lines,
      maxFiles: patches.max_files,
      maxFileBytes: patches.max_file_bytes,
      allowBinary: patches.allow_binary,
      forbidden: patches.forbidden,
      tests: patches.tests,
      testsRequired: patches.tests_required,
    },
    gates: document.gates.map(({ name, command, timeout_seconds: timeoutSec, blocking }) => ({
      name,
      command,
      timeoutSec,
      blocking,
    })),
    landing: { ...document.landing, conflicts: conflictHelp(document.landing.conflicts) },
  };
}

const toolSettings = (tool: SettingsDocument['tools'][string]): ToolSettings => ({
  executable: tool.executable ?? tool.framework ?? null,
  model: tool.model,
  args: tool.args,
  prompt: tool.prompt,
  env: tool.env,
  timeoutSec: tool.timeout_seconds,
  capabilities: tool.capabilities,
  litter: tool.litter,
});

function fixLimits({ fix_loop: { defaults, per_step: perStep } }: SettingsDocument): FixLimits {
  const maxAttempts = defaults.max_attempts_per_step ?? DEFAULT_FIX_LIMITS.maxAttempts;
  const maxFixes = defaults.max_fix_attempts_per_step ?? DEFAULT_FIX_LIMITS.maxFixes;
  const own = (step: 'static' | 'runtime'): StepLimits => ({
    maxAttempts:
      perStep[step]?.max_attempts_per_step ?? DEFAULT_FIX_LIMITS.perStep[step]?.maxAttempts ?? maxAttempts,
    maxFixes:
      perStep[step]?.max_fix_attempts_per_step ?? DEFAULT_FIX_LIMITS.perStep[step]?.maxFixes ?? maxFixes,
  });
  return {
    maxAttempts,
    maxFixes,
    maxErrorRepeats: defaults.max_attempts_per_error_signature,
    oscillationThreshold: defaults.oscillation_threshold,
    oscillationWindow: defaults.oscillation_window,
    fixes: defaults.enable_fix_for_steps,
    perStep: { static: own('static'), runtime: own('runtime') },
  };
}
