/**
 * Program of the thread that runs workflows: the SDK's own, less two costs that were half of its work for a step.
 *
 * - The SDK guards each of its four or five calls into a workflow against endless loops, and each guard is an operating
 *   system's thread that is made and joined. Here one guard holds for the whole of a task of the workflow.
 * - It notes a stack for each promise, for the Web UI's call stack. Ours would always name the one line in which a run
 *   waits; what a run waits for is in its details.
 */
import vm from 'node:vm';
import {
  ReusableVMWorkflow,
  ReusableVMWorkflowCreator,
} from '@temporalio/worker/lib/workflow/reusable-vm.js';
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js';

/** The SDK's own, until it says what it is to be. */
let limitMs = 5_000;
// A context of its own has a queue of promises of its own: the workflow's is still emptied after each call into it.
const guarded = vm.createContext({ work: null });
const guard = new vm.Script('work()');

/** Runs what the workflow does next. @throws Error with code ERR_SCRIPT_EXECUTION_TIMEOUT when that does not end */
function within<T>(work: () => T): T {
  guarded['work'] = work;
  return guard.runInContext(guarded, { timeout: limitMs }) as T;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Puts the guard around a method that calls into a workflow. `failed` says what a call that did not end comes to. */
function guardMethod(of: object, name: string, failed?: (self: unknown, error: unknown) => unknown): void {
  const method = Reflect.get(of, name) as Method;
  const replaced: Method = function (...args) {
    try {
      return within(() => method.apply(this, args));
    } catch (error) {
      if (failed === undefined) throw error;
      return failed(this, error);
    }
  };
  Reflect.set(of, name, replaced);
}

/** As the SDK answers all that a workflow throws: the task fails and is tried again, the worker goes on. */
function taskFailed(workflow: unknown, error: unknown): object {
  const { runId, activator } = workflow as {
    readonly runId: string;
    readonly activator: { errorToFailure(error: unknown): object };
  };
  return { runId, failed: { failure: activator.errorToFailure(error) } };
}

const create = ReusableVMWorkflowCreator.create.bind(ReusableVMWorkflowCreator);
Reflect.set(ReusableVMWorkflowCreator, 'create', ((bundle, limit, ...rest) => {
  limitMs = limit;
  const none = undefined as unknown as number; // as Node's own functions read it: without a limit
  return create(bundle, none, ...rest);
}) satisfies typeof create);
guardMethod(ReusableVMWorkflowCreator.prototype, 'createWorkflow');
guardMethod(ReusableVMWorkflow.prototype, 'activate', async (self, error) => taskFailed(self, error));
guardMethod(ReusableVMWorkflow.prototype, 'dispose');
Reflect.set(globalHandlers, 'setPromiseHook', () => undefined);

await import('@temporalio/worker/lib/workflow/workflow-worker-thread.js');
