/**
 * Texts of plans and people in what the Web UI shows.
 */

/** Text from a plan must not break the table or bring markup of its own. */
export const cell = (text: string): string =>
  text
    .replace(/[\\`*_{}[\]<>|#!]/g, (char) => `\\${char}`)
    .replace(/\s+/g, ' ')
    .slice(0, 160);
