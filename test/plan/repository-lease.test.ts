import { expect, test } from 'vitest';
import { normalisedAddress, readRepositoryLease } from '../../src/plan/repository-lease.js';

test.each([
  'https://example.org/team/app',
  'https://example.org/team/app.git',
  'https://EXAMPLE.org:443/team/app.git/',
  'https://ann:secret@example.org/team/app',
  'http://example.org/team/app',
  'ssh://git@example.org/team/app.git',
  'ssh://git@example.org:22/team//app',
  'git+ssh://git@example.org/team/app',
  'git@example.org:team/app.git',
  'example.org:/team/app',
])('%s is one repository', (address) => {
  expect(normalisedAddress(address)).toBe('example.org/team/app');
});

test.each([
  ['https://example.org:8443/app', 'example.org:8443/app'],
  ['ssh://example.org:2222/app', 'example.org:2222/app'],
  ['https://example.org/Team/App', 'example.org/Team/App'],
  ['file:///srv/git/app.git', 'file:/srv/git/app'],
  ['/srv/git/app.git', 'file:/srv/git/app'],
])('%s is %s', (address, place) => {
  expect(normalisedAddress(address)).toBe(place);
});

test.each(['', 'origin', './app', '../app', 'https://', 'https://example.org', '/', 'a/b:c'])(
  '%j is no address',
  (address) => {
    expect(normalisedAddress(address)).toBeNull();
  },
);

test('a lease of a repository says where and which branch', () => {
  expect(readRepositoryLease('repository:git@example.org:a/b.git#refs/heads/main')).toEqual({
    where: 'git@example.org:a/b.git',
    branch: 'main',
  });
  expect(readRepositoryLease('repository:origin#')).toEqual({ where: 'origin', branch: '' });
  expect(readRepositoryLease('repository:origin')).toBeNull();
  expect(readRepositoryLease('gpu')).toBeNull();
});
