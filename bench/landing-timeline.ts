/**
 * Where the slots of a landing were: read from the history of its workflow.
 */
import { defaultPayloadConverter } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import type { GatesDone } from '../src/workflows/landing-api.js';

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
type Event = NonNullable<History['events']>[number];

interface Span {
  readonly from: number;
  readonly to: number;
}

interface Activity extends Span {
  readonly type: string;
  readonly started: number;
  readonly gates: GatesDone | null;
}

/** Slot-seconds by what was going on in them. */
export type SlotSeconds = Readonly<Record<(typeof PHASES)[number], number>>;

const PHASES = [
  'gate',
  /** Until a worker has it. */
  'dispatch',
  /** The work tree is made. */
  'prepare',
  /** The work tree is removed, and the server told. */
  'clean up',
  /** Nothing in the slot: a workflow task is under way. */
  'deciding',
  /** Nothing in the slot: merges are under way, and no workflow task. */
  'merging',
  /** Nothing in the slot: the queue wants nothing. */
  'by policy',
] as const;

const msOf = ({ eventTime }: Event): number =>
  Number(eventTime!.seconds) * 1000 + Number(eventTime!.nanos ?? 0) / 1e6;

/** Returns in what the slots of a landing spent their time, from the first event to the last. */
export function slotSeconds({ events }: History, slots: number): SlotSeconds {
  const { activities, tasks, all } = readEvents(events ?? []);
  const gates = activities.filter(({ type }) => type === 'runGates');
  const merges = activities.filter(({ type }) => type === 'mergeForLanding');
  const edges = [
    ...[all, ...tasks, ...activities].flatMap(({ from, to }) => [from, to]),
    ...gates.flatMap((gate) => [gate.started, ...gateSpan(gate)]),
  ].sort((a, b) => a - b);
  const sums = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<keyof SlotSeconds, number>;
  edges.slice(1).forEach((to, at) => {
    const from = edges[at]!;
    const middle = (from + to) / 2;
    const isIn = (span: Span): boolean => span.from <= middle && middle < span.to;
    const busy = gates.filter(isIn);
    for (const gate of busy) sums[phaseOf(gate, middle)] += (to - from) / 1000;
    const free = Math.max(0, slots - busy.length);
    const why = tasks.some(isIn) ? 'deciding' : merges.some(isIn) ? 'merging' : 'by policy';
    sums[why] += (free * (to - from)) / 1000;
  });
  return sums;
}

function phaseOf(gate: Activity, at: number): keyof SlotSeconds {
  if (at < gate.started) return 'dispatch';
  const [from, to] = gateSpan(gate);
  return at < from ? 'prepare' : at < to ? 'gate' : 'clean up';
}

/** A run that was stopped says nothing of its gates: all of it was preparation. */
const gateSpan = ({ gates, to }: Activity): readonly [number, number] => [
  gates?.results[0]?.startedAt ?? to,
  gates?.results.at(-1)?.endedAt ?? to,
];

function readEvents(events: readonly Event[]): {
  activities: Activity[];
  tasks: Span[];
  all: Span;
} {
  const scheduled = new Map<string, { type: string; from: number; started: number }>();
  const activities: Activity[] = [];
  const tasks: Span[] = [];
  let task: number | null = null;
  for (const event of events) {
    const at = msOf(event);
    if (event.workflowTaskScheduledEventAttributes) task ??= at;
    if (event.workflowTaskCompletedEventAttributes && task !== null) {
      tasks.push({ from: task, to: at });
      task = null;
    }
    const asked = event.activityTaskScheduledEventAttributes;
    if (asked)
      scheduled.set(String(event.eventId), {
        type: asked.activityType?.name ?? '',
        from: at,
        started: Infinity,
      });
    const started = event.activityTaskStartedEventAttributes;
    if (started) scheduled.get(String(started.scheduledEventId))!.started = at;
    const ended =
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskCanceledEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskTimedOutEventAttributes;
    if (!ended) continue;
    const known = scheduled.get(String(ended.scheduledEventId))!;
    const payload = event.activityTaskCompletedEventAttributes?.result?.payloads?.[0];
    const gates =
      payload && known.type === 'runGates' ? defaultPayloadConverter.fromPayload<GatesDone>(payload) : null;
    activities.push({ ...known, started: Math.min(known.started, at), to: at, gates });
  }
  return { activities, tasks, all: { from: msOf(events[0]!), to: msOf(events.at(-1)!) } };
}

/** Says them in a line, the longest first. */
export function slotText(seconds: SlotSeconds): string {
  const sum = Object.values(seconds).reduce((all, one) => all + one, 0);
  return Object.entries(seconds)
    .sort(([, a], [, b]) => b - a)
    .map(([phase, one]) => `${phase} ${one.toFixed(0)} s (${((one / sum) * 100).toFixed(0)} %)`)
    .join(', ');
}
