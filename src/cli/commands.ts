/**
 * The commands, by name: their modules are loaded when they are asked for.
 */
import type { CommandModule } from './command.js';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'start',
    summary: 'run a plan and follow it to its end',
    load: () => import('./commands/start.js'),
  },
  {
    name: 'validate',
    summary: 'check a plan and report every problem',
    load: () => import('./commands/validate.js'),
  },
  {
    name: 'migrate',
    summary: 'bring older plans and bundles up to date',
    load: () => import('./commands/migrate.js'),
  },
  { name: 'graph', summary: 'draw the steps of a plan or a run', load: () => import('./commands/graph.js') },
  { name: 'list', summary: 'list runs, newest first', load: () => import('./commands/list.js') },
  {
    name: 'show',
    summary: 'show a run: its steps, what failed, what to do next',
    load: () => import('./commands/show.js'),
  },
  { name: 'events', summary: 'print what happened in a run', load: () => import('./commands/events.js') },
  { name: 'logs', summary: 'print the output of steps', load: () => import('./commands/logs.js') },
  { name: 'watch', summary: 'follow a run to its end', load: () => import('./commands/watch.js') },
  { name: 'cancel', summary: 'cancel a run, or one step of it', load: () => import('./commands/cancel.js') },
  { name: 'pause', summary: 'launch no further steps', load: () => import('./commands/pause.js') },
  { name: 'resume', summary: 'launch steps again', load: () => import('./commands/resume.js') },
  {
    name: 'approve',
    summary: 'answer a step that waits for approval',
    load: () => import('./commands/approve.js'),
  },
  {
    name: 'retry',
    summary: 'run a plan again, without what succeeded',
    load: () => import('./commands/retry.js'),
  },
  {
    name: 'workstream',
    summary: 'let several tools work on one repository at once',
    load: () => import('./commands/workstream.js'),
  },
  {
    name: 'patch',
    summary: 'list, show and bring back what tools wrote',
    load: () => import('./commands/patch.js'),
  },
  {
    name: 'job',
    summary: 'queue calls of tools with priorities, retries and dependencies',
    load: () => import('./commands/job.js'),
  },
  {
    name: 'worktree',
    summary: 'list, make, merge and clean up work trees',
    load: () => import('./commands/worktree.js'),
  },
  {
    name: 'lease',
    summary: 'show who holds what, and hold something while a command runs',
    load: () => import('./commands/lease.js'),
  },
  {
    name: 'breaker',
    summary: 'show which tools are out of order, and put them back in use',
    load: () => import('./commands/breaker.js'),
  },
  {
    name: 'prune',
    summary: 'remove the logs and records of old runs',
    load: () => import('./commands/prune.js'),
  },
  { name: 'worker', summary: 'run a worker in the foreground', load: () => import('./commands/worker.js') },
  { name: 'up', summary: 'start the Temporal server and a worker', load: () => import('./commands/up.js') },
  {
    name: 'down',
    summary: 'stop them; open runs go on at the next start',
    load: () => import('./commands/down.js'),
  },
  {
    name: 'doctor',
    summary: 'say what is in force, and what is amiss',
    load: () => import('./commands/doctor.js'),
  },
];
