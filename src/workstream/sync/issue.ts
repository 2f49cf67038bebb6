/**
 * A workstream as an issue on a hosting site: what it says, which labels it has, how it is found again.
 */
import type { Workstream } from '../workstream.js';

/** An issue, as far as it is ours to write. */
export interface IssueText {
  readonly title: string;
  /** Our part of the body; what people wrote around it stays. */
  readonly block: string;
  readonly labels: readonly string[];
}

/** Every issue of ours has it: they are found by it. */
export const OUR_LABEL = 'workstream';
const OUR_PREFIXES = ['gate:', 'tool:', 'status:'];

const begin = (id: string): string => `<!-- planwright-workstream: ${id} -->`;
const END = '<!-- planwright-end -->';

/** Returns the issue of a workstream. */
export function issueOf(workstream: Workstream, status: string): IssueText {
  const { id, tasks, dependsOn, filesScope, gate, tool, openspecChange, acceptanceTests } = workstream;
  const list = (title: string, items: readonly string[], code = false): string[] =>
    items.length === 0
      ? []
      : ['', `**${title}**`, '', ...items.map((item) => `- ${code ? inCode(item) : oneLine(item)}`)];
  return {
    title: `${id}: ${cut(oneLine(tasks[0] ?? openspecChange), 120)}`,
    block: [
      begin(id),
      `Workstream \`${id}\` of ${inCode(openspecChange)}: gate ${gate}, tool ${inCode(tool)}, status ${status}.`,
      ...list('Tasks', tasks),
      ...list('Files', filesScope, true),
      ...list('After', dependsOn, true),
      ...list('Checked by', acceptanceTests),
      END,
    ].join('\n'),
    labels: [
      OUR_LABEL,
      `gate:${gate}`,
      `tool:${cut(oneLine(tool), 45)}`,
      `status:${cut(oneLine(status), 40)}`,
    ],
  };
}

/** Says which workstream an issue is of, or null. */
export const workstreamIn = (body: string): string | null =>
  /<!-- planwright-workstream: (ws-[a-z0-9-]+) -->/.exec(body)?.[1] ?? null;

/** Puts our part into a body: in its place if it is there, else at the end. */
export function withBlock(body: string, id: string, block: string): string {
  const from = body.indexOf(begin(id));
  if (from < 0) return body.trim() === '' ? block : `${body.trimEnd()}\n\n${block}`;
  const end = body.indexOf(END, from);
  return body.slice(0, from) + block + (end < 0 ? '' : body.slice(end + END.length));
}

/** Returns the labels of an issue with ours among them: people's own stay, earlier ones of ours go. */
export const withLabels = (present: readonly string[], ours: readonly string[]): string[] => [
  ...present.filter(
    (label) => !ours.includes(label) && !OUR_PREFIXES.some((prefix) => label.startsWith(prefix)),
  ),
  ...ours,
];

/** A comment on what a run made of a workstream: found again by the run. */
export const commentMarker = (run: string, id: string): string => `<!-- planwright-run: ${run} ${id} -->`;

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
const cut = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;
const inCode = (text: string): string => `\`${oneLine(text).replaceAll('`', "'")}\``;
