/**
 * What a git process finds in its environment: enough to reach a remote, nothing that leads it elsewhere.
 */

/**
 * The only `GIT_*` variables that get through. The others move git to another repository, index or program
 * (`GIT_DIR`, `GIT_INDEX_FILE`, `GIT_EXEC_PATH`, `GIT_CONFIG_COUNT`, `GIT_EXTERNAL_DIFF` …) or make it write traces.
 */
const KEPT = new Set([
  // Where the person's own settings are.
  'GIT_CONFIG_GLOBAL',
  'GIT_CONFIG_SYSTEM',
  'GIT_CONFIG_NOSYSTEM',
  // How to reach a remote, and with what credentials.
  'GIT_SSH',
  'GIT_SSH_COMMAND',
  'GIT_SSH_VARIANT',
  'GIT_ASKPASS',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
  'GIT_SSL_CERT',
  'GIT_SSL_KEY',
  'GIT_SSL_VERSION',
  'GIT_PROXY_SSL_CAINFO',
  'GIT_PROXY_SSL_CERT',
  'GIT_PROXY_SSL_KEY',
  'GIT_HTTP_PROXY_AUTHMETHOD',
  'GIT_HTTP_USER_AGENT',
  // Who makes a merge commit.
  'GIT_AUTHOR_NAME',
  'GIT_AUTHOR_EMAIL',
  'GIT_COMMITTER_NAME',
  'GIT_COMMITTER_EMAIL',
]);

const FIXED = {
  GIT_TERMINAL_PROMPT: '0', // nobody is there to answer: fail, don't wait
  SSH_ASKPASS_REQUIRE: 'never', // likewise for ssh, which would open a window
  GIT_OPTIONAL_LOCKS: '0', // a look at the status must not take index.lock from a person at work, nor rewrite the index
  GIT_LITERAL_PATHSPECS: '1', // a path called `*` or `:(top)` is a path
  GIT_NO_REPLACE_OBJECTS: '1', // what is pushed is the real object, so it must be the one that was looked at
  GIT_ALLOW_PROTOCOL: 'file:http:https:ssh', // `ext::` and helpers run programs; `git:` cannot push and may run core.gitProxy
  GIT_EDITOR: ':', // no step of ours needs an editor; one that opens would wait for ever
  GIT_SEQUENCE_EDITOR: ':',
  GIT_PAGER: 'cat',
  PAGER: 'cat',
  LC_ALL: 'C', // messages are for people; where one must be read, it is in one language
  LANGUAGE: 'C',
} as const;

/** Returns the environment of a git process: `base` without what redirects git, then the fixed values. */
export function gitEnvironment(base: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(base)) {
    if (value !== undefined && (!name.startsWith('GIT_') || KEPT.has(name))) env[name] = value;
  }
  return { ...env, ...FIXED };
}
