/**
 * Which values of an environment are not for other eyes.
 */

const NAME = /(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$/i;

/** Says whether an environment variable looks like a secret: by its name, and because it has a value worth hiding. */
export const isSensitive = (name: string, value: string): boolean => value.length >= 8 && NAME.test(name);

/** Returns the values that must not stand in a log. */
export const sensitiveValues = (env: Readonly<Record<string, string>>): string[] =>
  Object.entries(env).flatMap(([name, value]) => (isSensitive(name, value) ? [value] : []));
