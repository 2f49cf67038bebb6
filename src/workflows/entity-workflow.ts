/**
 * What the entity workflows have in common, each of which serves many runs: a lease, a breaker, a queue of jobs. Each works
 * off its news, and ends or hands over to a successor only when nothing it has sent is still on its way.
 */
import { condition, workflowInfo } from '@temporalio/workflow';

/** Events after which a successor takes over. */
const MAX_EVENTS = 4_000;

/** How one of them goes on. */
export interface Service {
  /** Does what the rules ask for now. */
  step(): void;
  /** Whether there is nothing left to remember. */
  isIdle(): boolean;
  /** When the next step is due though nothing happens, in ms since 1970; null: not known, or never. */
  due?(): number | null;
  /** Continues as new, with all that there is to remember. */
  succeed(): Promise<never>;
}

export class EntityWorkflow {
  #hasNews = true;
  #onTheWay = 0;

  constructor(private readonly maxEvents = MAX_EVENTS) {}

  /** Whether a successor is due. */
  get isLong(): boolean {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    return historyLength >= this.maxEvents || continueAsNewSuggested;
  }

  /** Says that something has changed: there will be another step. */
  news(): void {
    this.#hasNews = true;
  }

  /** Stays until the work is over, whatever its end. */
  during(work: Promise<void>): void {
    this.#onTheWay += 1;
    const over = (): void => {
      this.#onTheWay -= 1;
    };
    void work.then(over, over);
  }

  /** Serves until there is nothing left to remember. */
  async serve(service: Service): Promise<void> {
    const isDue = (): boolean => this.#hasNews || (this.#onTheWay === 0 && (service.isIdle() || this.isLong));
    for (;;) {
      this.#hasNews = false;
      service.step();
      const due = service.due?.() ?? null;
      if (due === null) await condition(isDue);
      else if (!(await condition(isDue, Math.max(1, due - Date.now())))) continue;
      if (this.#hasNews) continue;
      if (service.isIdle()) return;
      await service.succeed();
    }
  }
}
