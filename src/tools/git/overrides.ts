/**
 * Settings that every git call of ours runs under, whatever the repository's or the person's configuration says:
 * nothing that a repository can name is executed, and nothing outlives the call.
 *
 * Kept as they are: what only the person can set and the way to the remote needs (`credential.helper`,
 * `core.sshCommand`, `http.*`, `url.*.insteadOf`), and what says how files look (`core.autocrlf`, `core.excludesFile` …).
 */
export type Setting = readonly [name: string, value: string];

export const OVERRIDES: readonly Setting[] = [
  ['core.hooksPath', '/dev/null'], // hooks are programs
  ['core.fsmonitor', 'false'], // a program, or a daemon that stays
  ['core.alternateRefsCommand', ':'], // a program, run by fetch in a repository with alternates; `:` prints nothing
  ['gc.auto', '0'], // collecting garbage takes minutes at a moment nobody chose …
  ['gc.autoDetach', 'false'], // … and goes on behind our back
  ['maintenance.auto', 'false'], // the same since git 2.47, where gc.auto no longer stops it
  ['maintenance.autoDetach', 'false'],
  ['commit.gpgSign', 'false'], // signing starts a program that may ask for a passphrase
  ['tag.gpgSign', 'false'],
  ['push.gpgSign', 'false'],
  ['log.showSignature', 'false'], // checking a signature starts gpg
  ['submodule.recurse', 'false'], // a submodule is another repository, with a configuration of its own
  ['fetch.recurseSubmodules', 'false'],
  ['push.recurseSubmodules', 'no'],
  ['fetch.writeCommitGraph', 'false'], // minutes of work on a large repository, for nobody
  ['color.ui', 'false'],
  ['core.fsync', 'all'], // "merged" is said only of what survives a power cut; by default loose objects may not
  ['http.lowSpeedLimit', '1'], // a dead connection ends after a minute, not never
  ['http.lowSpeedTime', '60'],
];

/**
 * What `git lfs install` writes. Git LFS is the one filter that runs: without it every file it keeps looks changed.
 * Only these very commands do: `filter.lfs` may hold any.
 */
const LFS: Readonly<Record<string, readonly string[]>> = {
  'filter.lfs.clean': ['git-lfs clean -- %f'],
  'filter.lfs.smudge': ['git-lfs smudge -- %f', 'git-lfs smudge --skip -- %f'],
  'filter.lfs.process': ['git-lfs filter-process', 'git-lfs filter-process --skip'],
  'filter.lfs.required': ['true'],
};

/**
 * Returns settings that disarm the configured drivers: programs that `.gitattributes` of the repository bring into play.
 *
 * A filter without a program passes content through. A merge driver must not be emptied: git would run the empty
 * command, see it succeed and take our side. `false` makes it a conflict, which is what an unknown way to merge is.
 */
export function disarmed(configured: readonly Setting[]): Setting[] {
  const names = configured.filter(([name, value]) => !LFS[name]?.includes(value)).map(([name]) => name);
  return [...new Set(names)].map((name) => {
    if (name.startsWith('merge.')) return [name, 'false'];
    return [name, name.endsWith('.required') ? 'false' : ''];
  });
}
