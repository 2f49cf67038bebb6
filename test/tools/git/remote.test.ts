import { describe, expect, test } from 'vitest';
import { GitFailure } from '../../../src/tools/git/call.js';
import { remoteFailure, trackingRef } from '../../../src/tools/git/remote.js';

describe('the remote-tracking ref of a branch', () => {
  test.each<[string[], string, string | null]>([
    [['+refs/heads/*:refs/remotes/origin/*'], 'main', 'refs/remotes/origin/main'],
    [['+refs/heads/*:refs/remotes/origin/*'], 'feature/x', 'refs/remotes/origin/feature/x'],
    [['+refs/heads/main:refs/remotes/origin/main'], 'main', 'refs/remotes/origin/main'],
    [['+refs/heads/main:refs/remotes/origin/main'], 'dev', null],
    [['refs/heads/rel-*:refs/remotes/o/r/*'], 'rel-2', 'refs/remotes/o/r/2'],
    [['+refs/heads/*:refs/remotes/origin/*', '^refs/heads/secret'], 'secret', null],
    [['+refs/heads/*:refs/heads/*'], 'main', 'refs/heads/main'],
    [['+refs/heads/main'], 'main', null],
    [[], 'main', null],
    // `$&` and the like mean nothing in a name
    [['+refs/heads/*:refs/remotes/origin/*'], 'a#b@c+d', 'refs/remotes/origin/a#b@c+d'],
  ])('%j: %s → %s', (refspecs, branch, expected) => {
    expect(trackingRef(refspecs, branch)).toBe(expected);
  });
});

test.each([
  ["fatal: transport 'ext' not allowed", 'protocol'],
  ['git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.', 'no-access'],
  ["fatal: could not read Username for 'https://host': terminal prompts disabled", 'no-access'],
  ["fatal: Authentication failed for 'https://host/x.git/'", 'no-access'],
  ['Host key verification failed.\nfatal: Could not read from remote repository.', 'no-access'],
  [
    "fatal: '/none' does not appear to be a git repository\nfatal: Could not read from remote repository.",
    'no-repository',
  ],
  ["fatal: repository 'https://host/x.git/' not found", 'no-repository'],
  ['ssh: Could not resolve hostname host: Name or service not known', 'unreachable'],
  ['fatal: unable to access: The requested URL returned error: 503', 'unreachable'],
  ['fatal: the remote end hung up unexpectedly', 'unreachable'],
  ['something nobody has seen before', 'unreachable'],
])('%j is %s', (said, trouble) => {
  expect(remoteFailure(new GitFailure('exit-code', 'fetch', 128, said, 'x')).trouble).toBe(trouble);
});
