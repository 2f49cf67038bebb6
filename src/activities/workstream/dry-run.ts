/**
 * A workstream without its tool: every stage says what it would do.
 */
import { NEW_FIX_STATE } from '../../workstream/fix-loop.js';
import { commandFor } from '../../workstream/tool/command-for.js';
import type { WorkstreamEnded, WorkstreamTask } from './api.js';
import { checksOf } from './attempt.js';

/** Says what an attempt would do. Nothing is opened, called or written. */
export function dryRun(task: WorkstreamTask, startedAt: number): WorkstreamEnded {
  const { work, tool, startsWith } = task;
  const at = { root: '<worktree>', scratch: '<scratch>' };
  const { program, args, timeoutSec } = commandFor(tool, {
    ...{ prompt: work.prompt, files: work.files, timeoutSec: work.toolTimeoutSec },
    ...at,
  });
  const shown = args.map((arg) => (arg === work.prompt ? '<prompt>' : arg)).join(' ');
  const list = (texts: readonly string[]): string => (texts.length === 0 ? 'none' : texts.join(', '));
  const checks = (['static', 'runtime'] as const).map(
    (step) => `${step} checks: ${list(checksOf(task, step).map(({ line }) => line))}`,
  );
  const notes = [
    `open a ${task.isolation} at ${task.base}${startsWith.length === 0 ? '' : ` with ${startsWith.map(({ id }) => id).join(', ')}`}`,
    ...task.setup.map((line) => `setup: ${line}`),
    `call ${tool.name} (at most ${timeoutSec} s): ${program} ${shown}`,
    'capture the patch, look at what all share',
    `scope: ${list(work.filesScope)}; may create: ${list(work.filesCreate)}`,
    ...checks,
    ...work.notExecutable.map((text) => `not executable: ${text}`),
  ];
  return {
    ...{
      outcome: 'dry-run',
      trouble: null,
      text: `dry run: ${tool.name} was not called`,
      patch: null,
      ledger: null,
    },
    ...{ validation: null, calls: [], checks: [], fix: NEW_FIX_STATE, startedFrom: null, lost: [], notes },
    ...{ startedAt, endedAt: Date.now() },
  };
}
