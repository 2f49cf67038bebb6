/**
 * The report of a run of workstreams as one HTML file that needs nothing else: no script, no address, no font.
 */
import { TOOL_WAIT_WORDS } from '../../plan/tool-wait.js';
import { escape, timeDrawing, wavesDrawing } from './drawing.js';
import {
  isKept,
  costText,
  counted,
  duration,
  fateOf,
  totalsOf,
  workedMs,
  type ReportedWorkstream,
  type SetReport,
} from './report.js';

const STYLE = `
:root{color-scheme:light dark;--bg:#fbfbfa;--fg:#1d1d1f;--dim:#75757a;--line:#dcdcd8;--card:#fff;--good:#1a7f4b;--good-bg:#dff3e7;--bad:#b3261e;--bad-bg:#fbe4e2;--warn:#8a5a00;--warn-bg:#fdf0d5;--idle-bg:#ececea;--run:#1f5fbf;--run-bg:#e0ebfb}
@media (prefers-color-scheme:dark){:root{--bg:#161618;--fg:#ececee;--dim:#98989f;--line:#35353a;--card:#1f1f22;--good:#7ddba5;--good-bg:#173927;--bad:#ff9d96;--bad-bg:#471d1b;--warn:#f2c46d;--warn-bg:#40310f;--idle-bg:#2b2b2f;--run:#9cc3ff;--run-bg:#1b3155}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:32px 24px 64px;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
h1{font-size:24px;font-weight:600;margin:0 0 4px}h2{font-size:17px;font-weight:600;margin:40px 0 12px}
p{margin:0}.dim{color:var(--dim)}code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:24px 0 0;padding:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 16px;min-width:112px}
.tiles b{display:block;font-size:21px;font-weight:600;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px}
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:500;color:var(--dim)}
th,td{padding:6px 14px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}tr:last-child td{border-bottom:0}
td .keep{white-space:nowrap}td .name{display:inline-block;min-width:250px}td .keep code{overflow-wrap:normal;word-break:normal}
td.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.tag{display:inline-block;border-radius:999px;padding:0 10px;font-size:13px;white-space:nowrap;background:var(--idle-bg)}
.tag.landed,.tag.succeeded{background:var(--good-bg);color:var(--good)}
.tag.failed,.tag.quarantined{background:var(--bad-bg);color:var(--bad)}
.tag.blocked,.tag.canceled,.tag.held{background:var(--warn-bg);color:var(--warn)}.tag.running{background:var(--run-bg);color:var(--run)}
svg{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}svg text{fill:var(--fg)}svg .dim{fill:var(--dim)}
svg rect{fill:var(--idle-bg);stroke:var(--line)}svg .edge{fill:none;stroke:var(--line);stroke-width:1.4}
svg .landed rect,svg .succeeded rect{fill:var(--good-bg);stroke:var(--good)}
svg .failed rect,svg .quarantined rect{fill:var(--bad-bg);stroke:var(--bad)}
svg .blocked rect,svg .canceled rect,svg .held rect{fill:var(--warn-bg);stroke:var(--warn)}svg .running rect{fill:var(--run-bg);stroke:var(--run)}
`;

/** Returns a whole page. */
export function reportHtml(report: SetReport, now: number): string {
  const totals = totalsOf(report, now);
  const { runId, state, branch, startedAt, endedAt } = report;
  const tiles: readonly (readonly [string, string])[] = [
    [
      String(totals.workstreams),
      `${totals.workstreams === 1 ? 'workstream' : 'workstreams'} in ${counted(totals.waves, 'wave')}`,
    ],
    [String(totals.landed), 'landed'],
    [String(totals.quarantined), 'quarantined'],
    [String(totals.failed), 'failed'],
    [String(totals.blocked), 'blocked'],
    [duration(totals.tookMs), `took, with ${report.maxWorkers} at once`],
    [totals.speedUp === null ? '–' : `${totals.speedUp.toFixed(1)} ×`, 'as fast as one by one'],
    // Where no tool says what it costs there is nothing to read here.
    ...(totals.costUsd === null && report.budget === null
      ? []
      : [[costText(report, totals), 'spent'] as const]),
  ];
  const when = `${day(startedAt)} – ${endedAt === null ? 'running' : day(endedAt)}`;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(runId)}</title>`,
    // Nothing in it may be fetched or run, whatever a tool has written.
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<style>${STYLE}</style></head><body>`,
    `<h1>${escape(branch === null ? 'Workstreams' : `Workstreams onto ${branch.replace(/^refs\/heads\//, '')}`)} ${tag(state)}</h1>`,
    `<p class="dim"><code>${escape(runId)}</code> · ${when}</p>`,
    `<ul class="tiles">${tiles.map(([value, name]) => `<li><b>${escape(value)}</b>${escape(name)}</li>`).join('')}</ul>`,
    report.workstreams.length === 0 ? '' : `<h2>Waves</h2><div class="wide">${wavesDrawing(report)}</div>`,
    report.workstreams.some((one) => one.startedAt !== null)
      ? `<h2>Time</h2><div class="wide">${timeDrawing(report, now)}</div>`
      : '',
    section(
      'Quarantined patches',
      ['Workstream', 'Why', 'Kept as'],
      report.workstreams.flatMap(({ id, patch }) =>
        patch?.state === 'quarantined' ? [[code(id), escape(patch.reason ?? ''), code(patch.id)]] : [],
      ),
    ),
    section(
      'Moved by a tool, and set back',
      ['To', 'By', 'It is again at', 'What it was is kept as'],
      (report.strays ?? []).map(({ from, to, by, keptAs }) => [
        code(from.slice(0, 12)),
        escape(by),
        code(to.slice(0, 12)),
        code(keptAs),
      ]),
    ),
    section(
      'Conflicts',
      ['Workstream', 'With', 'Kind', 'Files', 'Status', 'Resolved'],
      report.conflicts.map((each) => [
        code(each.workstream),
        each.with.map(code).join(', ') || '–',
        escape(each.kind),
        each.files.map(code).join('<br>'),
        escape(each.status.toLowerCase().replace('_', ' ')),
        each.resolved.map(code).join('<br>') || '–',
      ]),
    ),
    section(
      'Gate failures',
      ['Gate', 'Result', 'With the patches', 'Tree'],
      report.gateRuns
        .filter(({ result }) => result !== 'passed')
        .map(({ gate, result, flaked, patches, tree }) => [
          code(gate),
          escape(`${result}${flaked ? ', passed when run again' : ''}`),
          patches.map(code).join(', ') || 'none: the branch as it is',
          code(tree.slice(0, 12)),
        ]),
    ),
    section(
      'Workstreams',
      ['Workstream', 'Came to', 'Tool', 'Took', 'Attempts', 'Cost', 'Patch', 'Why'],
      report.workstreams.map((one) => [
        `<span class="name">${code(one.id)}<br>${dim(one.title)}</span>`,
        tag(fateOf(one)),
        kept(escape(one.tool)),
        one.startedAt === null ? '–' : kept(duration(workedMs(one, now))),
        String(one.attempts),
        one.costUsd === null ? '–' : `$${one.costUsd.toFixed(2)}`,
        one.patch === null
          ? '–'
          : kept(
              `${counted(one.patch.files, 'file')}<br>+${one.patch.insertions} −${one.patch.deletions}${one.patch.commit === null ? '' : `<br>${code(one.patch.commit.slice(0, 12))}`}`,
            ),
        [escape(one.reason ?? one.patch?.reason ?? ''), ...besides(one).map(dim)]
          .filter(Boolean)
          .join('<br>'),
      ]),
    ),
    section(
      'What no patch holds',
      ['Workstream', 'What', 'It comes back with'],
      report.workstreams.flatMap(({ id, leftOut }) =>
        (leftOut?.texts ?? []).map((text) => [
          code(id),
          escape(text),
          isKept(text) ? code(`planwright patch restore ${leftOut?.patch ?? ''} <directory>`) : '–',
        ]),
      ),
    ),
    section(
      'Files that could not be read',
      ['File', 'At', 'Reason'],
      report.malformed.map(({ file, place, reason }) => [code(file), escape(place), escape(reason)]),
    ),
    '</body></html>\n',
  ].join('\n');
}

const tag = (word: string): string =>
  `<span class="tag ${escape(word.replace(' ', '-'))}">${escape(word)}</span>`;
/** What reads badly when it is broken in two: a length of time, the name of a commit. */
const kept = (html: string): string => `<span class="keep">${html}</span>`;

const dim = (text: string): string => `<span class="dim">${escape(text)}</span>`;

/** What is to be known beside why: how long its tool was waited for, and the notes of its attempt. */
function besides({ toolWait, notes }: ReportedWorkstream): string[] {
  if (toolWait === null) return [...notes];
  const { tool, why, since, endedAt } = toolWait;
  const time = endedAt === null ? '' : ` ${duration(endedAt - since)}`;
  return [`waited${time} for tool "${tool}": ${TOOL_WAIT_WORDS[why]}`, ...notes];
}

const code = (text: string): string => `<code>${escape(text)}</code>`;
const day = (time: number): string => new Date(time).toISOString().replace('T', ' ').slice(0, 19);

/** `rows` hold markup already; nothing is written for none. */
function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const cells = (list: readonly string[], element: string): string =>
    list.map((cell) => `<${element}>${cell}</${element}>`).join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
  return `<h2>${escape(title)}</h2><div class="wide"><table><thead><tr>${cells(head.map(escape), 'th')}</tr></thead><tbody>${body}</tbody></table></div>`;
}
