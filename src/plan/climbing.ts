/**
 * Paths with values in them: what was written in front of the first value is a folder that values do not lead out of.
 */

/** Returns the folder that a path comes to leave by its values, with a slash at its end, or null. */
export function folderLeft(written: string, filled: string): string | null {
  const at = written.indexOf('${');
  if (at <= 0) return null; // a value begins it: all of the path is for who gives it to say
  const folder = written.slice(0, written.lastIndexOf('/', at) + 1);
  const asMeant = written.replaceAll(/\$\{[^}]*\}/g, 'x');
  const leaves = (path: string): boolean => climbs(path.slice(folder.length));
  return leaves(filled) && !leaves(asMeant) ? folder || './' : null;
}

function climbs(path: string): boolean {
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}
