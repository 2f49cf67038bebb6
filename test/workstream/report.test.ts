import { expect, test } from 'vitest';
import { reportHtml } from '../../src/workstream/report/html.js';
import { reportMarkdown } from '../../src/workstream/report/markdown.js';
import { duration, fateOf, totalsOf } from '../../src/workstream/report/report.js';
import { aPatch, aReport, aWorkstream, START } from './a-report.js';

const minutes = (count: number): number => START + count * 60_000;

/** a and b side by side, then c; d failed, e waits for it for ever. */
const mixed = aReport({
  state: 'failed',
  workstreams: [
    aWorkstream('ws-a', { endedAt: minutes(1), costUsd: 0.5 }),
    aWorkstream('ws-b', { worker: 'worker-002', endedAt: minutes(2), costUsd: 0.25 }),
    aWorkstream('ws-c', {
      wave: 2,
      dependsOn: ['ws-a'],
      startedAt: minutes(1),
      endedAt: minutes(2),
      patch: aPatch('quarantined', { id: 'p-c', reason: 'gate "unit" is red with it' }),
    }),
    aWorkstream('ws-d', { state: 'failed', startedAt: null, endedAt: null, patch: null, reason: 'no tool' }),
    aWorkstream('ws-e', {
      state: 'blocked',
      startedAt: null,
      endedAt: null,
      patch: null,
      dependsOn: ['ws-d'],
    }),
  ],
  gateRuns: [
    {
      gate: 'unit',
      tree: 'a'.repeat(40),
      patches: ['p-c'],
      result: 'failed',
      flaked: false,
      startedAt: minutes(1),
      endedAt: minutes(2),
    },
    {
      gate: 'unit',
      tree: 'b'.repeat(40),
      patches: ['p-1'],
      result: 'passed',
      flaked: false,
      startedAt: minutes(1),
      endedAt: minutes(2),
    },
  ],
  conflicts: [
    {
      ...{ workstream: 'ws-c', with: ['ws-b'], files: ['x.ts'], kind: 'content' },
      ...{ status: 'QUARANTINED', resolved: [] },
    },
  ],
  malformed: [{ file: 'ws-bad.json', place: '5:21', reason: 'a comma was expected' }],
  collisions: [{ first: 'ws-a', second: 'ws-b', paths: ['config/'] }],
});

test('the totals say what became of the work, and what working side by side was worth', () => {
  expect(totalsOf(mixed, minutes(9))).toEqual({
    workstreams: 5,
    succeeded: 3,
    landed: 2,
    quarantined: 1,
    failed: 1,
    blocked: 1,
    canceled: 0,
    waves: 2,
    malformed: 1,
    gateRuns: 2,
    gateFailures: 1,
    costUsd: 0.75,
    tookMs: 120_000,
    serialMs: 240_000,
    speedUp: 2,
    utilisation: 1,
  });
});

test('nothing that ran, nothing that was paid: no figure is made up', () => {
  const empty = totalsOf(aReport({ workstreams: [], endedAt: null }), START);
  expect(empty).toMatchObject({ tookMs: 0, speedUp: null, utilisation: null, costUsd: null, waves: 0 });
});

test('a patch that landed says more than a tool that succeeded', () => {
  expect(mixed.workstreams.map(fateOf)).toEqual(['landed', 'landed', 'quarantined', 'failed', 'blocked']);
  expect(fateOf(aWorkstream('ws-x', { patch: null }))).toBe('no change');
});

test('each workstream is counted once: a refused patch is in quarantine, and not failed besides', () => {
  const refused = aWorkstream('ws-x', { state: 'failed', patch: aPatch('quarantined') });
  const report = aReport({ workstreams: [refused] });
  expect(totalsOf(report, START)).toMatchObject({ workstreams: 1, quarantined: 1, failed: 0 });
  expect(reportMarkdown(report, START)).toContain('| 1 in 1 wave |');
});

test('a patch that the queue held back is no success', () => {
  const patch = aPatch('queued', { fate: 'held', reason: 'the branch may not be moved: it is protected' });
  expect(fateOf(aWorkstream('ws-x', { patch }))).toBe('held');
});

test('lengths of time read well', () => {
  expect([400, 12_300, 185_000, 7_260_000].map(duration)).toEqual(['0.4 s', '12 s', '3 m 5 s', '2 h 1 m']);
});

test('the Markdown names each thing that a person must act on', () => {
  const text = reportMarkdown(mixed, minutes(9));
  for (const part of [
    '# Run `set-1`: failed',
    '| Landed | 2 on `refs/heads/main` |',
    '- `ws-c`: gate "unit" is red with it. Its patch is kept: `p-c`',
    '| `ws-c` | `ws-b` | content | `x.ts` | QUARANTINED |',
    '| `unit` | failed | `p-c` |',
    '| `ws-bad.json` | 5:21 | a comma was expected |',
    '- `ws-a`, then `ws-b`: `config/`',
    '1. `ws-a`, `ws-b`, `ws-d`, `ws-e`',
  ])
    expect(text).toContain(part);
  expect(text).not.toContain('undefined');
});

test('what is to be known beside success is in both: what was waited for, and what was kept or put together', () => {
  const wait = { tool: 'aider', since: 1_000, until: null, why: 'failures', endedAt: 6_000 } as const;
  const notes = ['what it starts from: ws-b on top of ws-a: a.txt by memory'];
  const report = aReport({ workstreams: [aWorkstream('ws-c', { toolWait: wait, notes })] });
  expect(reportMarkdown(report, START)).toContain(`- \`ws-c\`: ${notes[0]}`);
  const page = reportHtml(report, START);
  expect(page).toContain(notes[0]);
  expect(page).toMatch(/waited 5\.0 s for tool [^a]+aider[^:]+: it failed too often in a row/);
});

test('no tile speaks of money where no tool did', () => {
  expect(reportHtml(aReport(), START)).not.toContain('spent');
  const spent = aReport({ workstreams: [aWorkstream('ws-a', { costUsd: 0.5 })] });
  expect(reportHtml(spent, START)).toContain('<b>$0.50</b>spent');
});

test('what no patch holds, what is to be known, and what a tool did to the branch are told, and how it comes back', () => {
  const strays = [
    {
      from: 'e'.repeat(40),
      to: 'b'.repeat(40),
      by: 'the tool of ws-e (attempt 1)',
      keptAs: 'refs/planwright/strays/x',
    },
  ];
  const leftOut = {
    patch: 'set-1/ws-a-1.1',
    texts: ['not kept, no files: src/pipe', 'kept beside the patch, 1 path: x.log'],
  };
  const report = aReport({
    strays,
    workstreams: [aWorkstream('ws-a', { notes: ['begun again'], leftOut }), aWorkstream('ws-b')],
  });
  const markdown = reportMarkdown(report, START);
  expect(markdown).toContain('- `ws-a`: begun again');
  expect(markdown).toContain('- `ws-a`: not kept, no files: src/pipe');
  expect(markdown).toContain('`planwright patch restore set-1/ws-a-1.1 <directory>`');
  expect(markdown).toMatch(
    /main` to `e{12}` by the tool of ws-e \(attempt 1\); it is at `b{12}` again.*`refs\/planwright\/strays\/x`/,
  );
  const html = reportHtml(report, START);
  expect(html.match(/planwright patch restore set-1\/ws-a-1\.1 /g)).toHaveLength(1);
  for (const text of ['begun again', 'src/pipe', 'refs/planwright/strays/x']) expect(html).toContain(text);
  // One with nothing to tell has no empty sections.
  expect(reportMarkdown(aReport(), START)).not.toMatch(/To be known|What no patch holds|set back/);
});

test('what a tool wrote cannot become markup', () => {
  const evil = '<img src=x onerror=alert(1)> | `` ](http://x) \n# head';
  const report = aReport({
    workstreams: [
      aWorkstream('ws-a', { title: evil, reason: evil, tool: evil, notExecutable: [evil], notes: [evil] }),
    ],
    conflicts: [
      { workstream: 'ws-a', with: [], files: [evil], kind: 'content', status: 'PENDING', resolved: [evil] },
    ],
    malformed: [{ file: evil, place: '1:1', reason: evil }],
  });
  expect(reportHtml(report, START)).not.toMatch(/<img|onerror=alert\(1\)>/);
  const markdown = reportMarkdown(report, START);
  expect(markdown).not.toMatch(/^# head/m);
  // Each table keeps its columns.
  for (const block of markdown.split('\n\n').filter((part) => part.startsWith('|'))) {
    const widths = new Set(block.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length));
    expect(widths.size, block).toBe(1);
  }
});

test('the page needs nothing from elsewhere', () => {
  const page = reportHtml(mixed, minutes(9));
  expect(page).not.toMatch(/<script|<link|https?:|src=/);
  expect(page.match(/<svg/g)).toHaveLength(2);
  expect(page).not.toMatch(/undefined|NaN/);
});
