/**
 * The SDK's worker, with a thread of ours for the workflows.
 */
import { Worker as Thread } from 'node:worker_threads';
import { Worker } from '@temporalio/worker';
import {
  ThreadedVMWorkflowCreator,
  WorkerThreadClient,
} from '@temporalio/worker/lib/workflow/threaded-vm.js';
import { compiled } from '../package.js';

type Create = (typeof ThreadedVMWorkflowCreator)['create'];
type Bundle = Parameters<Create>[0]['workflowBundle'];
type Logger = Parameters<Create>[0]['logger'];

/** What we use of the options that the SDK made of ours. */
interface Compiled {
  readonly isolateExecutionTimeoutMs: number;
  readonly activities: ReadonlyMap<string, unknown>;
}

/** As the SDK's, but workflows run in `workflow-thread.ts`. */
export class SdkWorker extends Worker {
  protected static override async createWorkflowCreator(
    workflowBundle: Bundle,
    { isolateExecutionTimeoutMs, activities }: Compiled,
    logger: Logger,
  ): Promise<ThreadedVMWorkflowCreator> {
    const thread = new WorkerThreadClient(new Thread(compiled('worker/workflow-thread.js')), logger);
    await thread.send({
      type: 'init',
      ...{ workflowBundle, isolateExecutionTimeoutMs },
      registeredActivityNames: new Set(activities.keys()),
      reuseV8Context: true,
      hasPatchActivationCallback: false,
    });
    return new ThreadedVMWorkflowCreator([thread]);
  }
}
