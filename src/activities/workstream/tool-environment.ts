/**
 * The environment of a tool: what it needs to do its work, and nothing to publish it with.
 */
import { addressOf } from '../../tools/git/stray-moves.js';
import type { Tool } from '../../workstream/tool/registry.js';

/** Names that speak of credentials. A tool gets those it names as its needs, and no others. */
const CREDENTIAL =
  /(^|_)(TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|CREDENTIALS?|APIKEY|KEY|PAT|AUTH|COOKIE|DSN)(_|$)|_(API|ACCESS|PRIVATE|SIGNING)_?KEY/i;
/** Ways to a remote: agents and programs that answer for a person. */
const WAYS_OUT =
  /^(SSH_AUTH_SOCK|SSH_AGENT_PID|SSH_ASKPASS|GIT_ASKPASS|GIT_SSH|GIT_SSH_COMMAND|GIT_SSH_VARIANT|GPG_AGENT_INFO|KRB5CCNAME|NETRC)$/;
/** They hold "KEY" or "AUTH" and are none. */
const HARMLESS = /^(XAUTHORITY|GIT_AUTHOR_.*)$/;

/** Settings of every git that a tool starts: no helper knows a password, no push finds its way, nothing runs on behind it. */
const GIT_SETTINGS: readonly (readonly [string, string])[] = [
  ['credential.helper', ''], // an empty one forgets all that are configured
  ['core.askPass', 'false'],
  ...['https://', 'http://', 'ssh://', 'git://', 'file://', 'git@', '/'].map(
    (prefix) => ['url.planwright-tools-do-not-push:.pushInsteadOf', prefix] as const,
  ),
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
];

/** Of what works in no work tree of an attempt. */
const NO_WORKTREE = 'check';

export interface ToolEnvironment {
  /** What is passed on from the worker's own. */
  readonly base: NodeJS.ProcessEnv;
  /** Set above that. Values of the form `${NAME}` are secrets. */
  readonly added: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** A tool that cannot be called on this worker. */
export interface NotConfigured {
  readonly problem: string;
}

/**
 * Returns the environment of a tool, or what it lacks.
 *
 * @param planned - what the plan gives to all that it starts; what keeps a tool from publishing wins
 * @param worktree - by whose id it is known where it moves a branch (`stray-moves.ts`)
 */
export function toolEnvironment(
  worker: NodeJS.ProcessEnv,
  tool: Pick<Tool, 'name' | 'needs'>,
  planned: Readonly<Record<string, string>> = {},
  worktree: string = NO_WORKTREE,
): ToolEnvironment | NotConfigured {
  const environment = environmentOf(worker, tool, planned, worktree);
  if ('problem' in environment) return environment;
  // Settings of a call have no say against it, nor the worker's own.
  const added = { ...environment.added, GIT_COMMITTER_EMAIL: addressOf(worktree) };
  return { ...environment, added };
}

function environmentOf(
  worker: NodeJS.ProcessEnv,
  tool: Pick<Tool, 'name' | 'needs'>,
  planned: Readonly<Record<string, string>>,
  worktree: string,
): ToolEnvironment | NotConfigured {
  for (const group of tool.needs) {
    if (group.some((name) => worker[name])) continue;
    return { problem: `tool "${tool.name}" needs one of ${group.join(', ')} in the worker's environment` };
  }
  const needed = tool.needs.flat().filter((name) => worker[name]);
  const base: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(worker)) {
    if (HARMLESS.test(name) || !(CREDENTIAL.test(name) || WAYS_OUT.test(name))) base[name] = value;
  }
  // Where secrets are looked for when a command is started: from there they are masked in its output.
  for (const name of needed) base[`PLANWRIGHT_SECRET_${name}`] = worker[name];
  return {
    base,
    added: {
      ...planned,
      ...gitVariables(tool.name, worktree),
      ...Object.fromEntries(needed.map((name) => [name, `\${${name}}`])),
    },
    secrets: needed,
  };
}

/** Returns the environment of a check or a gate: no credentials at all. */
export function checkEnvironment(
  worker: NodeJS.ProcessEnv,
  planned: Readonly<Record<string, string>> = {},
  worktree: string = NO_WORKTREE,
): ToolEnvironment {
  return environmentOf(worker, { name: 'check', needs: [] }, planned, worktree) as ToolEnvironment;
}

function gitVariables(toolName: string, worktree: string): Record<string, string> {
  // Its own commits bear its name. Aider writes one into the repository's configuration where it finds none.
  const settings = [
    ...GIT_SETTINGS,
    ['user.name', toolName] as const,
    ['user.email', addressOf(worktree)] as const,
    // Beside each move of a branch git writes whose it was.
    ['core.logAllRefUpdates', 'true'] as const,
  ];
  const env: Record<string, string> = {
    GIT_TERMINAL_PROMPT: '0', // nobody is there to answer
    GIT_SSH_COMMAND: 'false', // keys in the home directory need no agent
    GIT_CONFIG_COUNT: String(settings.length),
  };
  settings.forEach(([name, value], at) => {
    env[`GIT_CONFIG_KEY_${at}`] = name;
    env[`GIT_CONFIG_VALUE_${at}`] = value;
  });
  return env;
}
