/**
 * The workflow of one tool's breaker, for all runs on all workers. It is there while there is something to remember: the
 * first failure starts it, and it ends once the tool has worked again and nobody waits.
 */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  proxyActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { Activities } from '../activities/api.js';
import {
  askToStart,
  attemptEnded,
  byHand,
  describeBreaker,
  type Breaker,
  type BreakerLimits,
} from '../workstream/breaker.js';
import {
  ASK_BREAKER_SIGNAL,
  BREAKER_QUERY,
  BREAKER_SIGNAL,
  MOVE_BREAKER_UPDATE,
  TOOL_ENDED_SIGNAL,
  type BreakerAsker,
  type BreakerChange,
  type BreakerInput,
  type BreakerMove,
  type BreakerNews,
  type BreakerQuestion,
  type BreakerView,
  type ToolEnded,
} from './breaker-api.js';
import { EntityWorkflow } from './entity-workflow.js';
import { cell } from './markdown.js';

/** Changes that are remembered. */
const REMEMBERED = 50;
/** How often is looked whether the run of a probe is still there: one that was terminated tells nobody. */
const LOOK_MS = 10_000;

/** Keeps a breaker while it is open, or has failures to count. A cancel changes nothing: `reset` is what is meant. */
export function keepBreaker(input: BreakerInput): Promise<void> {
  return CancellationScope.nonCancellable(() => new Keeper(input).keep());
}

type Because = Pick<BreakerChange, 'why' | 'run' | 'step' | 'actor'>;

class Keeper {
  readonly #tool: string;
  #limits: BreakerLimits;
  #breaker: Breaker;
  #changes: readonly BreakerChange[];
  #waiting: readonly BreakerAsker[];
  #probe: BreakerAsker | null;
  /** When somebody who waits may be let through without anything happening; null: not known, or never. */
  #until: number | null = null;
  readonly #entity = new EntityWorkflow();
  /** What each of those that wait was told last. */
  readonly #told = new Map<string, string>();

  constructor({ tool, limits, breaker, changes, waiting, probe, ended, moved }: BreakerInput) {
    this.#tool = tool;
    this.#limits = limits;
    this.#breaker = breaker;
    this.#changes = changes;
    this.#waiting = waiting;
    this.#probe = probe;
    if (ended !== null) this.#ended(ended);
    if (moved !== null) this.#move(moved);
    this.#openDoors();
  }

  keep(): Promise<void> {
    void this.#look();
    return this.#entity.serve({
      step: () => {
        this.#answer();
        setCurrentDetails(breakerDetails(this.#view()));
      },
      isIdle: () => this.#isIdle,
      due: () => this.#until,
      succeed: () =>
        continueAsNew<(input: BreakerInput) => Promise<void>>({
          ...{ tool: this.#tool, limits: this.#limits, breaker: this.#breaker, changes: this.#changes },
          ...{ waiting: this.#waiting, probe: this.#probe, ended: null, moved: null },
        }),
    });
  }

  get #isIdle(): boolean {
    return this.#breaker.kind === 'closed' && this.#breaker.failures === 0 && this.#waiting.length === 0;
  }

  #view(): BreakerView {
    return { tool: this.#tool, breaker: this.#breaker, waiting: this.#waiting, changes: this.#changes };
  }

  #openDoors(): void {
    setHandler(defineSignal<[BreakerQuestion]>(ASK_BREAKER_SIGNAL), ({ asker, limits }) => {
      this.#limits = limits; // of whoever asked last: the configuration may have changed
      this.#told.delete(asker.attempt); // who asks again has not heard
      this.#waiting = [...this.#others(asker), asker];
      this.#entity.news();
    });
    setHandler(defineSignal<[ToolEnded]>(TOOL_ENDED_SIGNAL), (ended) => this.#ended(ended));
    setHandler(defineQuery<BreakerView>(BREAKER_QUERY), () => this.#view());
    setHandler(
      defineUpdate<BreakerView, [BreakerMove]>(MOVE_BREAKER_UPDATE),
      (move) => {
        this.#move(move);
        return this.#view();
      },
      { validator: (move: BreakerMove) => this.#mayMove(move) },
    );
  }

  #mayMove({ what, reason }: BreakerMove): void {
    const { kind } = this.#breaker;
    const refused = (why: string): never => {
      throw ApplicationFailure.nonRetryable(why, 'Refused');
    };
    if (reason.trim() === '') refused('a breaker is moved by hand only with a reason');
    if (what !== 'open' && this.#isIdle) refused(`the breaker of "${this.#tool}" is closed already`);
    if (what === 'open' && kind === 'open' && this.#breaker.until === null)
      refused(`the breaker of "${this.#tool}" is open already, until somebody closes it`);
  }

  #move({ what, reason, actor }: BreakerMove): void {
    this.#change(byHand(this.#breaker, what, Date.now()), { why: reason, run: null, step: null, actor });
    this.#entity.news();
  }

  #others({ attempt }: BreakerAsker): readonly BreakerAsker[] {
    return this.#waiting.filter((one) => one.attempt !== attempt);
  }

  #ended({ asker, outcome }: ToolEnded): void {
    const { attempt, run, step } = asker;
    this.#waiting = this.#others(asker);
    const why = outcome === 'unknown' ? 'the probe did not come to call it' : WHY[outcome];
    const next = attemptEnded(this.#breaker, this.#limits, attempt, outcome, Date.now());
    this.#change(next, { why, run, step, actor: null });
    this.#entity.news();
  }

  #change(to: Breaker, because: Because): void {
    const from = this.#breaker;
    this.#breaker = to;
    if (to.kind !== 'half-open') this.#probe = null;
    if (from.kind === to.kind && because.actor === null) return;
    const change: BreakerChange = { at: Date.now(), from: from.kind, to: to.kind, ...because };
    this.#changes = [...this.#changes, change].slice(-REMEMBERED);
  }

  /** Tells those that wait what there is to tell, longest waiting first. */
  #answer(): void {
    this.#until = null;
    for (const asker of this.#waiting) {
      const { attempt, run, step } = asker;
      const answer = askToStart(this.#breaker, this.#limits, attempt, Date.now());
      const isProbe = answer.breaker.kind === 'half-open' && answer.may === 'start';
      if (isProbe) this.#probe = asker;
      const why = isProbe ? 'it is tried' : 'the probe was not heard of in time';
      this.#change(answer.breaker, {
        why,
        run: isProbe ? run : null,
        step: isProbe ? step : null,
        actor: null,
      });
      if (answer.may === 'start') {
        this.#waiting = this.#others(asker);
        this.#told.delete(attempt);
        this.#tell(asker, { tool: this.#tool, attempt, may: 'start' });
        continue;
      }
      const { until } = answer;
      if (until !== null) this.#until = Math.min(until, this.#until ?? Infinity);
      const news: BreakerNews = { tool: this.#tool, attempt, may: 'wait', why: answer.why, until };
      const text = JSON.stringify(news);
      if (this.#told.get(attempt) === text) continue;
      this.#told.set(attempt, text);
      this.#tell(asker, news);
    }
  }

  /** One that cannot be told is over, and waits no more. */
  #tell(asker: BreakerAsker, news: BreakerNews): void {
    this.#entity.during(
      getExternalWorkflowHandle(asker.workflow, asker.execution)
        .signal<[BreakerNews]>(BREAKER_SIGNAL, news)
        .catch(() => this.#ended({ asker, outcome: 'unknown' })),
    );
  }

  /** Looks now and then whether the run of a probe is still there; what it saw of the tool then, nobody knows: it failed. */
  async #look(): Promise<void> {
    const { findEnded } = proxyActivities<Activities>({
      activityId: 'find-ended',
      summary: 'look whether the probe is still there',
      startToCloseTimeout: '20s',
      retry: { maximumAttempts: 3 },
    });
    for (;;) {
      await condition(() => this.#probe !== null);
      const probe = this.#probe!;
      if (await condition(() => this.#probe !== probe, LOOK_MS)) continue;
      const { workflow: run, execution } = probe;
      const ended = await findEnded({ askers: [{ run, execution }] }).catch(() => []); // the next look is soon enough
      if (ended.length > 0 && this.#probe === probe) this.#ended({ asker: probe, outcome: 'failed' });
    }
  }
}

const WHY = {
  worked: 'it worked',
  failed: 'it failed',
  quota: 'its quota is used up',
} as const;

const SHOWN = 20;

/** A breaker as the Web UI shows it. */
function breakerDetails({ tool, breaker, waiting, changes }: BreakerView): string {
  const rows = changes
    .slice(-SHOWN)
    .map(({ at, to, why, run, step, actor }) =>
      [new Date(at).toISOString(), to, cell(why), cell(actor ?? (run === null ? '' : `${run} ${step}`))].join(
        ' | ',
      ),
    );
  return [
    `**${cell(tool)}**: ${describeBreaker(breaker)}; ${waiting.length} wait`,
    '',
    '| at | to | why | by |',
    '| --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n');
}
