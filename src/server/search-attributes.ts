/**
 * The search attributes by which runs are found in the Web UI and by `temporal workflow list`.
 */
export const SEARCH_ATTRIBUTES = [
  'PlanId',
  'RunState',
  'FailedStep',
  'Repository',
  'Branch',
  'Workstream',
  'Tool',
] as const;

/** All of one type: the embedded server's database has room for ten of it. */
export const SEARCH_ATTRIBUTE_TYPE = 'Keyword';

/** Returns those of ours that are not among the registered ones. */
export const missingSearchAttributes = (registered: readonly string[]): readonly string[] =>
  SEARCH_ATTRIBUTES.filter((name) => !registered.includes(name));

/** The command that registers them on a cluster which is not ours to change. */
export const registerCommand = (names: readonly string[], namespace: string): string =>
  `temporal operator search-attribute create --namespace ${namespace} ${names.map((name) => `--name ${name} --type ${SEARCH_ATTRIBUTE_TYPE}`).join(' ')}`;
