/**
 * Leases of a branch of a repository: `repository:<where>#<branch>`. However its address is written, one branch of one
 * repository has one lease.
 */

const PREFIX = 'repository:';
const FORM = /^repository:(.*)#([^#]*)$/;

/** What stands in such a name. */
export interface RepositoryLease {
  /** A remote's name, an address, or a path. */
  readonly where: string;
  /** Empty for the one that is checked out. */
  readonly branch: string;
}

export const isRepositoryLease = (name: string): boolean => name.startsWith(PREFIX);

/** Takes such a name apart; null when it is not of that form. */
export function readRepositoryLease(name: string): RepositoryLease | null {
  const [, where, branch] = FORM.exec(name) ?? [];
  if (where === undefined || branch === undefined) return null;
  return { where: where.trim(), branch: branch.trim().replace(/^refs\/heads\//, '') };
}

export const repositoryLease = (place: string, branch: string): string => `${PREFIX}${place}#${branch}`;

/** Ports that need not be said. */
const PORTS: Readonly<Record<string, string>> = { ssh: '22', https: '443', http: '80', git: '9418' };

/**
 * Returns an address in the one form in which leases name it: `host/path`, or `file:/path` for one on this machine.
 *
 * Left out: how it is reached (`https`, `ssh`), who asks (and the password), the port that goes without saying, `.git`
 * and slashes at the end. The host is in lower case. So what two people push to by different ways is one.
 *
 * @returns null when the text is no address and no absolute path
 */
export function normalisedAddress(address: string): string | null {
  const url = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/@]*@)?([^/]*)(\/.*)?$/i.exec(address);
  if (url !== null) {
    const scheme = url[1]!.toLowerCase().replace(/^git\+/, '');
    const path = trimmed(url[3] ?? '');
    if (scheme === 'file') return path === '' ? null : `file:/${path}`;
    const [host = '', port = ''] = splitPort(url[2]!);
    const shown = port === '' || port === PORTS[scheme] ? host : `${host}:${port}`;
    return host === '' || path === '' ? null : `${shown.toLowerCase()}/${path}`;
  }
  if (address.startsWith('/')) return trimmed(address) === '' ? null : `file:/${trimmed(address)}`;
  // As ssh and scp have it: `user@host:path`. A colon behind a slash is part of a path.
  const short = /^(?:[^/:@]+@)?([^/:]+):(.+)$/.exec(address);
  if (short === null) return null;
  const path = trimmed(short[2]!);
  return path === '' ? null : `${short[1]!.toLowerCase()}/${path}`;
}

const splitPort = (host: string): string[] => {
  const [, name, port] = /^(.*?)(?::(\d*))?$/.exec(host) ?? [];
  return [name ?? host, port ?? ''];
};

const trimmed = (path: string): string =>
  path
    .replace(/\/{2,}/g, '/')
    .replace(/^\/|\/+$/g, '')
    .replace(/\.git$/i, '');
