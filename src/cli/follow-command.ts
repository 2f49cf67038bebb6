/**
 * The common part of `start`, `retry` and `watch`: follow a run, answer Ctrl-C, report its end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cancelRun } from '../client/control.js';
import type { Link } from '../client/link.js';
import { currentActor } from '../client/start-plan.js';
import { runStatus } from '../client/views.js';
import { webUiIfThere } from '../client/web-ui.js';
import { readQuarantine } from '../record/notes.js';
import { paintOf, print, printJsonLine, tellTo } from './command.js';
import { programName } from './program-name.js';
import { finalReport } from './report.js';
import { watchRun } from './watch-run.js';
import type { ExitCode, World } from './world.js';

export interface FollowOptions {
  readonly json: boolean;
  /** What the first Ctrl-C does; the second always leaves. */
  readonly onInterrupt: 'cancel' | 'leave';
  /** How often Ctrl-C was pressed before there was a run to follow. */
  readonly interrupted?: number;
  /** Lines to end with, after the report. */
  readonly last?: () => readonly string[];
}

/** Follows a run to its end and says how it went. */
export async function followToEnd(
  world: World,
  link: Link,
  runId: string,
  options: FollowOptions,
): Promise<ExitCode> {
  const interrupts = new Interrupts(world, link, runId, options);
  try {
    const record = await watchRun(world, link, runId, {
      json: options.json,
      signal: interrupts.left,
      footer: () => interrupts.footer,
    });
    if (record === null) return leave(world, runId, await interrupts.isCanceled(), options);
    const quarantine = readQuarantine(link.home, runId);
    const status = runStatus({ record, live: new Map(), quarantine });
    if (options.json) printJsonLine(world, { type: 'result', ...status });
    else {
      const webUi = await webUiIfThere(link, runId);
      const report = finalReport(
        { record, quarantined: quarantine !== null },
        { home: link.home, paint: paintOf(world), program: programName(world.env), webUi },
      );
      print(world, ...report, ...(options.last?.() ?? []));
    }
    return status.state === 'succeeded' ? 0 : 1;
  } finally {
    interrupts.end();
  }
}

/** The run goes on: say how to come back to it. */
function leave(
  world: World,
  runId: string,
  isCanceling: boolean,
  { json, onInterrupt }: FollowOptions,
): ExitCode {
  const program = programName(world.env);
  const lines = [
    isCanceling ? 'The run is still being canceled.' : 'The run goes on.',
    `  ${program} watch ${runId}`,
    ...(isCanceling ? [] : [`  ${program} cancel ${runId}`]),
  ];
  if (!json) world.err.write(lines.map((line) => `${line}\n`).join(''));
  return onInterrupt === 'leave' ? 0 : 1;
}

const ARRIVAL_MS = 3_000;

/** Ctrl-C: the first cancels the run and waits, the second leaves it. */
class Interrupts {
  readonly #leaving = new AbortController();
  readonly #forget: () => void;
  footer: string | null = null;
  /** Whether the run took the request to end. */
  #canceled: Promise<boolean> = Promise.resolve(false);

  constructor(
    world: World,
    link: Link,
    runId: string,
    { json, onInterrupt, interrupted = 0 }: FollowOptions,
  ) {
    const tell = tellTo(world);
    let count = onInterrupt === 'leave' ? 1 : 0;
    const say = (footer: string): void => {
      this.footer = footer;
      if (json || !world.err.isTerminal) tell(footer);
    };
    const interrupt = (): void => {
      count += 1;
      if (count > 2) return;
      if (count === 2) return this.#leaving.abort();
      say('canceling: waiting for what runs to end (Ctrl-C again leaves it)');
      this.#canceled = cancelRun(link, runId, { reason: 'Ctrl-C', actor: currentActor() }).then(
        () => true,
        (error: unknown) => {
          say(`could not be canceled: ${error instanceof Error ? error.message : String(error)}`);
          return false;
        },
      );
    };
    this.#forget = world.onInterrupt(interrupt);
    for (let early = 0; early < interrupted; early += 1) interrupt();
  }

  get left(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Who leaves at once after the first Ctrl-C still means it: the request is given a moment to arrive. */
  isCanceled(): Promise<boolean> {
    return Promise.race([this.#canceled, sleep(ARRIVAL_MS, false, { ref: false })]);
  }

  end(): void {
    this.#forget();
  }
}
