/**
 * A queue in few bytes: its workflow hands all that it knows to its next execution in one message, of which Temporal takes
 * 2 MB.
 *
 * Names stand in it once each and are named by their place, of a name only what it does not share with the one before; ids of
 * executions are written with 64 signs. A job takes some 50 bytes and its id.
 */
import { utf8Length } from '../plan/utf8.js';
import type { QueuedJob } from './job-table.js';
import type { JobNews, QueueState } from './queue.js';

type ToldOne = NonNullable<QueueState['told']>[number];

/** Plain JSON. */
export interface PackedQueue extends Pick<QueueState, 'name' | 'places' | 'ageingMs' | 'unknownMs'> {
  /** Times count from here. */
  readonly since: number;
  /** Each with how many characters it shares with the one before, as one sign, and the rest. */
  readonly words: readonly string[];
  /** Of each job: its id, its execution. */
  readonly jobs: readonly (number | string)[];
  /** Of each job: its state, rank, time and deadline, its tool or -1, for how many it waits, and for whom. */
  readonly facts: readonly number[];
  /** Of each piece of news: what it is, for whom, and what belongs to it. */
  readonly told: readonly (number | string)[];
}

const STATES: readonly QueuedJob['state'][] = ['waiting', 'queued', 'running', 'held', 'told-off'];
const NEWS: readonly JobNews['kind'][] = ['go', 'queued', 'fail', 'full'];

/**
 * What a packed queue may take, as it is reckoned below: the server takes 2,097,152 bytes. The rest is for news that jobs in it
 * are to be told, and for times that are longer than is reckoned here.
 */
export const MOST_PACKED_BYTES = 1_800_000;
/** So many jobs a queue takes that have not ended, with names of usual length: who submits more is told so before anything is begun. */
export const MOST_OPEN_JOBS = 10_000;
/** What a job takes at most, with the signs between: places below 100,000, times within 11 days. Its names come to that. */
export const JOB_BYTES = 66;
export const WAIT_BYTES = 6;
/** News for one that the queue does not know. */
export const TOLD_BYTES = 42;
export const wordBytes = (word: string): number => utf8Length(JSON.stringify(word)) + 2;

export function packQueue({ jobs, told = [], name, places, ageingMs, unknownMs }: QueueState): PackedQueue {
  const words = new Words();
  const since = jobs[0]?.queuedAt ?? 0;
  const ids: (number | string)[] = [];
  const facts: number[] = [];
  for (const job of jobs) {
    ids.push(words.placeOf(job.id), shortExecution(job.execution));
    facts.push(STATES.indexOf(job.state), job.rank, job.queuedAt - since, job.deadlineAt - since);
    facts.push(job.tool === undefined ? -1 : words.placeOf(job.tool), job.waitsFor.length);
    for (const other of job.waitsFor) facts.push(words.placeOf(other));
  }
  const news = told.flatMap((one) => packNews(one, words));
  return { name, places, ageingMs, unknownMs, since, words: words.packed(), jobs: ids, facts, told: news };
}

function packNews({ id, news, execution }: ToldOne, words: Words): (number | string)[] {
  const head = [NEWS.indexOf(news.kind), words.placeOf(id), shortExecution(execution ?? '')];
  switch (news.kind) {
    case 'go':
      return [...head, news.rank];
    case 'fail':
      return [...head, words.placeOf(news.reason), news.isForgotten === true ? 1 : 0];
    case 'queued':
    case 'full':
      return head;
    default:
      return news satisfies never;
  }
}

/** The same queue again. Of what a job depends on it knows only what has not ended, which is all that counts. */
export function unpackQueue(packed: PackedQueue): QueueState {
  const { name, places, ageingMs, unknownMs, since } = packed;
  const words = unpackWords(packed.words);
  const facts = new Reader(packed.facts);
  const jobs: QueuedJob[] = [];
  for (let at = 0; at < packed.jobs.length; at += 2) {
    const state = STATES[facts.number()]!;
    const [rank, queuedAt, deadlineAt] = [facts.number(), since + facts.number(), since + facts.number()];
    const tool = facts.number();
    const waitsFor = Array.from({ length: facts.number() }, () => words[facts.number()]!);
    jobs.push({
      ...{ id: words[packed.jobs[at] as number]!, execution: longExecution(String(packed.jobs[at + 1])) },
      ...{ state, rank, queuedAt, deadlineAt, dependsOn: waitsFor, waitsFor },
      ...(tool < 0 ? {} : { tool: words[tool]! }),
    });
  }
  const told: ToldOne[] = [];
  for (const reader = new Reader(packed.told); !reader.isAtEnd;) told.push(unpackNews(reader, words));
  return { name, places, ageingMs, unknownMs, jobs, told };
}

function unpackNews(reader: Reader, words: readonly string[]): ToldOne {
  const kind = NEWS[reader.number()]!;
  const id = words[reader.number()]!;
  const execution = longExecution(reader.text());
  return { id, news: newsOf(kind, reader, words), ...(execution === '' ? {} : { execution }) };
}

function newsOf(kind: JobNews['kind'], reader: Reader, words: readonly string[]): JobNews {
  switch (kind) {
    case 'go':
      return { kind, rank: reader.number() };
    case 'fail': {
      const reason = words[reader.number()]!;
      return reader.number() === 1 ? { kind, reason, isForgotten: true } : { kind, reason };
    }
    case 'queued':
    case 'full':
      return { kind };
    default:
      return kind satisfies never;
  }
}

class Reader {
  #at = 0;
  constructor(private readonly all: readonly (number | string)[]) {}

  get isAtEnd(): boolean {
    return this.#at >= this.all.length;
  }

  number(): number {
    return this.all[this.#at++] as number;
  }

  text(): string {
    return this.all[this.#at++] as string;
  }
}

class Words {
  readonly #places = new Map<string, number>();

  placeOf(word: string): number {
    const known = this.#places.get(word);
    if (known !== undefined) return known;
    this.#places.set(word, this.#places.size);
    return this.#places.size - 1;
  }

  packed(): string[] {
    let before = '';
    return [...this.#places.keys()].map((word) => {
      let shared = 0;
      while (shared < MOST_SHARED && shared < word.length && word[shared] === before[shared]) shared += 1;
      before = word;
      return `${SIGNS[shared]}${word.slice(shared)}`;
    });
  }
}

function unpackWords(packed: readonly string[]): string[] {
  let before = '';
  return packed.map((word) => (before = before.slice(0, SIGNS.indexOf(word[0]!)) + word.slice(1)));
}

const SIGNS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const MOST_SHARED = SIGNS.length - 1;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** 3 of 16 signs are 2 of 64. */
const SHORT_LENGTH = 22;

/** The server's ids of executions are UUIDs; anything else stays as it is, behind a sign that none of them has. */
function shortExecution(id: string): string {
  if (id === '') return '';
  if (!UUID.test(id)) return `=${id}`;
  const digits = `${id.replaceAll('-', '')}0`;
  let short = '';
  for (let at = 0; at < digits.length; at += 3) {
    const value = Number.parseInt(digits.slice(at, at + 3), 16);
    short += SIGNS[value >> 6]! + SIGNS[value & 63]!;
  }
  return short;
}

function longExecution(short: string): string {
  if (short === '' || short.startsWith('=')) return short.slice(1);
  let digits = '';
  for (let at = 0; at < SHORT_LENGTH; at += 2)
    digits += ((SIGNS.indexOf(short[at]!) << 6) | SIGNS.indexOf(short[at + 1]!))
      .toString(16)
      .padStart(3, '0');
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => digits.slice(from, to))
    .join('-');
}
