/**
 * Telling landings that run beside the work of each workstream as it ends.
 */
import { CancellationScope, getExternalWorkflowHandle, sleep } from '@temporalio/workflow';
import type { LandingEntry, LandingWork, Plan, Step, StepId } from '../plan/plan.js';
import type { ConditionStep, Run } from '../plan/run.js';
import { conditionStep } from '../plan/schedule.js';
import { ENDED_SIGNAL, landingId, type LandingPatch, type WorkstreamsEnded } from './landing-api.js';
import { endOf } from './patches.js';

type AtOnce = Step & { readonly work: LandingWork };

/** How long to wait when the landing cannot be told: it is about to be there, or about to be over. */
const AGAIN_MS = 1_000;

/** Who of a run's landings has been told of whom. A later leg tells all again, which does no harm. */
export class LandingNews {
  readonly #landings: readonly { readonly index: number; readonly step: AtOnce }[];
  readonly #told = new Map<StepId, Set<string>>();
  /** Started by this leg, and not there yet. */
  readonly #starting = new Set<StepId>();

  constructor(
    readonly run: Run,
    readonly runId: string,
    readonly wake: () => void,
  ) {
    this.#landings = run.plan.steps.flatMap((step, index) => (isAtOnce(step) ? [{ index, step }] : []));
  }

  /** A landing is about to be started, with all that is known by now. Returns what to call once it is there. */
  starting(step: Step): () => void {
    if (!isAtOnce(step)) return () => undefined;
    this.#starting.add(step.id);
    this.#told.set(step.id, new Set(this.#endedFor(step).map(({ workstream }) => workstream)));
    return () => {
      this.#starting.delete(step.id);
      this.wake();
    };
  }

  /** Tells what is new. */
  tell(): void {
    for (const { index, step } of this.#landings) {
      const state = this.run.states[index]!;
      if (state.kind !== 'running' || state.stop !== null || this.#starting.has(step.id)) continue;
      const told = this.#told.get(step.id) ?? new Set<string>();
      this.#told.set(step.id, told);
      const fresh = this.#endedFor(step).filter(({ workstream }) => !told.has(workstream));
      if (fresh.length === 0) continue;
      for (const { workstream } of fresh) told.add(workstream);
      this.#send(step, fresh, told);
    }
  }

  #send(step: AtOnce, fresh: readonly LandingEntry[], told: Set<string>): void {
    const news = workstreamsEnded(this.run.plan, step.work, fresh, (id) => conditionStep(this.run, id));
    const landing = getExternalWorkflowHandle(landingId(this.runId, step.id));
    CancellationScope.nonCancellable(() => landing.signal(ENDED_SIGNAL, news)).catch(async () => {
      for (const { workstream } of fresh) told.delete(workstream);
      await sleep(AGAIN_MS);
      this.wake();
    });
  }

  #endedFor({ work }: AtOnce): LandingEntry[] {
    return work.patches.filter(({ workstream }) => endOf(conditionStep(this.run, workstream)) !== null);
  }
}

const isAtOnce = (step: Step): step is AtOnce =>
  step.work.kind === 'landing' && step.work.begins === 'at-once';

/** Returns some of a landing's workstreams, which have ended, as it is to be told of them. */
export function workstreamsEnded(
  { steps }: Plan,
  { patches: entries }: LandingWork,
  ended: readonly LandingEntry[],
  stepOf: (step: string) => ConditionStep | null,
): WorkstreamsEnded {
  const titles = new Map<string, string>(steps.map(({ id, name }) => [id, name]));
  const absent: Record<string, 'nothing-to-land' | 'failed'> = {};
  const patches: LandingPatch[] = [];
  for (const entry of ended) {
    const { workstream, dependsOn, priority, level } = entry;
    const end = endOf(stepOf(workstream));
    if (end === null) throw new Error(`BUG: workstream "${workstream}" has not ended`);
    if (end.kind !== 'patch') {
      absent[workstream] = end.kind;
      continue;
    }
    const { id: patchId, commit, base, sha256 } = end.patch;
    const title = titles.get(workstream) ?? workstream;
    // One that has a patch though what it depends on has none was unblocked by a person.
    const needed = dependsOn.filter((on) => endOf(stepOf(on))?.kind !== 'failed');
    // The order of the plan, not of the clock: who was quicker must not decide what lands first.
    const createdAt = entries.indexOf(entry);
    patches.push({
      id: workstream,
      dependsOn: needed,
      priority,
      level,
      createdAt,
      patchId,
      commit,
      base,
      sha256,
      title,
    });
  }
  return { patches, absent };
}
