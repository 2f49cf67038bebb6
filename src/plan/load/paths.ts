/**
 * Paths of plan files. With "/" alone, so that a plan names its sub-plans in one way on every system.
 */

/** Returns `path` as seen from the folder of `file`, with "." and ".." taken out where they can be. */
export function besideFile(file: string, path: string): string {
  if (path.startsWith('/')) return normalized(path);
  const folder = file.slice(0, file.lastIndexOf('/') + 1);
  return normalized(folder + path);
}

/** Returns one spelling for a path, so that a file is known again. */
export function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    const canGoUp = parts.length > 0 && parts.at(-1) !== '..';
    if (part === '..' && canGoUp) parts.pop();
    else if (part !== '..' || !path.startsWith('/')) parts.push(part);
  }
  return (path.startsWith('/') ? '/' : '') + parts.join('/');
}
