/**
 * The pictures of the HTML report, as SVG: waves as a graph, and a time line of workers, patches and gates.
 */
import { duration, fateOf, type ReportedWorkstream, type SetReport } from './report.js';

const BOX = { width: 170, height: 26, gapX: 70, gapY: 10 } as const;
const MARGIN = 8;

/** Draws the workstreams in columns, one for each wave, with a line from each to what waits for it. */
export function wavesDrawing({ workstreams }: SetReport): string {
  const columns = [...new Set(workstreams.map(({ wave }) => wave))].sort((a, b) => a - b);
  const placed = new Map<string, { readonly x: number; readonly y: number }>();
  let rows = 0;
  columns.forEach((wave, column) => {
    const members = workstreams.filter((one) => one.wave === wave);
    rows = Math.max(rows, members.length);
    members.forEach(({ id }, row) =>
      placed.set(id, {
        x: MARGIN + column * (BOX.width + BOX.gapX),
        y: MARGIN + 18 + row * (BOX.height + BOX.gapY),
      }),
    );
  });
  const width = 2 * MARGIN + columns.length * (BOX.width + BOX.gapX) - BOX.gapX;
  const height = 2 * MARGIN + 18 + rows * (BOX.height + BOX.gapY);
  const titles = columns.map(
    (wave, column) =>
      `<text class="dim" x="${MARGIN + column * (BOX.width + BOX.gapX)}" y="${MARGIN + 8}">wave ${wave}</text>`,
  );
  const lines = workstreams.flatMap((one) =>
    one.dependsOn.flatMap((on) => {
      const from = placed.get(on);
      const to = placed.get(one.id);
      if (from === undefined || to === undefined) return [];
      const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
      const [x2, y2] = [to.x, to.y + BOX.height / 2];
      return [
        `<path class="edge" d="M${x1} ${y1}C${x1 + BOX.gapX / 2} ${y1} ${x2 - BOX.gapX / 2} ${y2} ${x2} ${y2}"/>`,
      ];
    }),
  );
  const boxes = workstreams.map((one) => {
    const { x, y } = placed.get(one.id)!;
    return `<g class="${classOf(one)}"><rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="5"/><text x="${x + 8}" y="${y + 17}">${escape(cut(one.id, 24))}</text><title>${escape(`${one.id}: ${one.title} (${fateOf(one)})`)}</title></g>`;
  });
  return svg(width, height, 'Workstreams by wave', [...titles, ...lines, ...boxes]);
}

const LANE = { height: 24, bar: 16, label: 130, width: 1_000, axis: 22 } as const;

/** Draws who did what when: a lane for each worker, one for gates, a mark where a patch landed. */
export function timeDrawing(report: SetReport, now: number): string {
  const from = report.startedAt;
  const to = Math.max(report.endedAt ?? now, from + 1);
  const at = (time: number): number =>
    LANE.label +
    (Math.min(Math.max(time, from), to) - from) * ((LANE.width - LANE.label - MARGIN) / (to - from));
  const ran = report.workstreams.filter(({ startedAt }) => startedAt !== null);
  const workers = [...new Set(ran.map(({ worker }) => worker ?? '?'))].sort();
  const bars: string[] = [];
  const labels: string[] = [];
  let lane = 0;
  const laneY = (): number => LANE.axis + lane * LANE.height;
  const label = (text: string): void => {
    labels.push(`<text class="dim" x="0" y="${laneY() + 13}">${escape(cut(text, 18))}</text>`);
  };
  for (const worker of workers) {
    // Several at once on one worker: a lane each.
    const ends: number[] = [];
    const own = ran
      .filter((one) => (one.worker ?? '?') === worker)
      .sort((a, b) => a.startedAt! - b.startedAt!);
    const rows = own.map((one) => {
      const free = ends.findIndex((end) => end <= one.startedAt!);
      const row = free === -1 ? ends.length : free;
      ends[row] = one.endedAt ?? to;
      return row;
    });
    label(worker);
    own.forEach((one, index) => {
      const x = at(one.startedAt!);
      const wide = Math.max(2, at(one.endedAt ?? to) - x);
      const y = laneY() + rows[index]! * LANE.height;
      const name =
        wide > 60
          ? `<text x="${x + 5}" y="${y + 12}">${escape(cut(one.id, Math.floor(wide / 8) - 1))}</text>`
          : '';
      bars.push(
        `<g class="${classOf(one)}"><rect x="${x}" y="${y}" width="${wide}" height="${LANE.bar}" rx="3"/>${name}<title>${escape(`${one.id}: ${duration((one.endedAt ?? to) - one.startedAt!)} (${fateOf(one)})`)}</title></g>`,
      );
    });
    lane += Math.max(1, ends.length);
  }
  if (report.gateRuns.length > 0) {
    label('gates');
    for (const run of report.gateRuns) {
      const x = at(run.startedAt);
      const wide = Math.max(2, at(run.endedAt) - x);
      bars.push(
        `<g class="${run.result === 'passed' ? 'landed' : 'failed'}"><rect x="${x}" y="${laneY()}" width="${wide}" height="${LANE.bar}" rx="3" opacity="0.6"/><title>${escape(`${run.gate} ${run.result}: ${run.patches.join(', ')}`)}</title></g>`,
      );
    }
    lane += 1;
  }
  const height = LANE.axis + lane * LANE.height + MARGIN;
  const ticks = Array.from({ length: 6 }, (_, index) => {
    const x = LANE.label + ((LANE.width - LANE.label - MARGIN) * index) / 5;
    const anchor = index === 5 ? ' text-anchor="end"' : index === 0 ? '' : ' text-anchor="middle"';
    return `<path class="edge" d="M${x} ${LANE.axis - 5}V${height}"/><text class="dim" x="${x}" y="11"${anchor}>${duration(((to - from) * index) / 5)}</text>`;
  });
  return svg(LANE.width, height, 'What ran when', [...ticks, ...labels, ...bars]);
}

const classOf = (one: ReportedWorkstream): string => fateOf(one).replace(' ', '-');

const svg = (width: number, height: number, title: string, parts: readonly string[]): string =>
  `<svg role="img" aria-label="${escape(title)}" viewBox="0 0 ${width} ${height}" style="min-width:${Math.round(width * 0.75)}px;max-width:${Math.round(width * 1.25)}px">${parts.join('')}</svg>`;

const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`;

/** What tools and files say is data, never markup. */
export const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
