/**
 * One call of a tool in a work tree.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runDirectory } from '../../home.js';
import type { Attempt } from '../../plan/attempt.js';
import type { OwnWorktree } from '../../tools/git/own-worktree.js';
import { commandFor } from '../../workstream/tool/command-for.js';
import { failureSaid, meaningOf, readCost, type ToolEnd } from '../../workstream/tool/outcome.js';
import type { Tool } from '../../workstream/tool/registry.js';
import { startsOf } from '../attempt-files.js';
import { onMachine } from '../machine-trouble.js';
import { lastOf, tailOf } from '../tail.js';
import type { ToolCall } from './api.js';
import { startLine, type Bench } from './start-line.js';
import type { ToolEnvironment } from './tool-environment.js';

export interface CallRequest {
  readonly tool: Tool;
  readonly prompt: string;
  readonly files: readonly string[];
  readonly timeoutSec: number;
  readonly round: number;
  readonly environment: ToolEnvironment;
  /** What it may cost; null: whatever it costs. */
  readonly maxUsd: number | null;
  /** It goes on with what a call wrote that was lost. */
  readonly goesOn: boolean;
  /** Ends it: its work tree is not there any more. */
  readonly gone: AbortSignal;
}

/** Standard input of our commands is empty: a shell that becomes the tool opens the prompt as its own. */
const FROM_FILE = 'exec "$@" <"$PLANWRIGHT_PROMPT_FILE"';

/** Costs stand at the end of what a tool prints. */
const MAX_COST_BYTES = 4 * 1024 * 1024;
const MAX_FAILURE = 300;

/** Calls the tool once. What it says of its work is kept in its log and believed in nothing. */
export async function callTool(bench: Bench, worktree: OwnWorktree, request: CallRequest): Promise<ToolCall> {
  const { tool, prompt, files, timeoutSec, round, environment, maxUsd, goesOn, gone } = request;
  const { path: root, scratch } = worktree;
  const command = commandFor(tool, { prompt, files, root, scratch, timeoutSec });
  const stdin = command.stdin === null ? null : command.env['PLANWRIGHT_PROMPT_FILE']!;
  onMachine(() => {
    for (const { path, text } of command.writes) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      // A tool may have put a link in its place.
      rmSync(path, { force: true, recursive: true });
      writeFileSync(path, text, { mode: 0o600 });
    }
  });
  const argv = [command.program, ...command.args];
  const purse = watchCost(bench, tool, maxUsd);
  const ended = await startLine(bench, {
    command: stdin === null ? command.program : '/bin/sh',
    args: stdin === null ? command.args : ['-c', FROM_FILE, 'sh', ...argv],
    ...{
      shell: false,
      cwd: root,
      environment,
      // For tools that read no prompt.
      env: goesOn ? { ...command.env, PLANWRIGHT_GOES_ON: '1' } : command.env,
      timeoutSec: command.timeoutSec,
      number: round,
    },
    stop: AbortSignal.any([purse.spent, gone]),
  }).finally(() => purse.close());
  const { attempt } = ended;
  const isEnded = attempt.end.kind === 'canceled';
  const isOverBudget = isEnded && purse.spent.aborted;
  const { stdout, stderr } = logsOf(bench, attempt);
  const said = stdout === null || stderr === null ? '' : `${tailOf(stderr, '')}\n${tailOf('', stdout)}`;
  return {
    ...{ tool: tool.name, round, attempt },
    // That we ended it says nothing against the tool.
    meaning: isEnded ? 'worked' : meaningOf(tool, toolEnd(attempt), said),
    failure: failureSaid(tool, said)?.split('\n')[0]?.slice(0, MAX_FAILURE) ?? null,
    cost: readCost(tool, stdout === null ? '' : lastText(stdout)),
    ...(isOverBudget ? { isOverBudget } : {}),
  };
}

const LOOK_MS = 1_000;

/** Looks at what a call says it has cost while it runs, and says when that is more than it may. */
function watchCost(
  bench: Bench,
  tool: Tool,
  maxUsd: number | null,
): { spent: AbortSignal; close: () => void } {
  const over = new AbortController();
  const before = startsOf(bench.step).at(-1)?.n ?? 0;
  const look = (limitUsd: number): void => {
    try {
      const start = startsOf(bench.step).at(-1);
      if (start === undefined || start.n <= before) return; // it is about to begin
      const { usd } = readCost(tool, lastOf(start.stdout, MAX_COST_BYTES).toString('utf8'));
      if (usd !== null && usd > limitUsd) over.abort(new Error('CANCELLED'));
    } catch {
      // The machine's trouble of this moment: it is looked at again, and when the call has ended.
    }
  };
  // Others say it at their end, if at all.
  const timer =
    maxUsd === null || tool.cost.kind !== 'aider' ? null : setInterval(() => look(maxUsd), LOOK_MS);
  return { spent: over.signal, close: () => void (timer !== null && clearInterval(timer)) };
}

/** Where the output of an attempt is on this host. */
export function logsOf(
  { world, runId }: Bench,
  { logs }: Attempt,
): { stdout: string | null; stderr: string | null } {
  if (logs === null) return { stdout: null, stderr: null };
  const top = runDirectory(world.home, runId);
  return { stdout: join(top, logs.stdout), stderr: join(top, logs.stderr) };
}

/** Of one that prints for ever there may be more than fits into memory. */
const lastText = (file: string): string => onMachine(() => lastOf(file, MAX_COST_BYTES)).toString('utf8');

function toolEnd({ end }: Attempt): ToolEnd {
  if (end.kind === 'succeeded') return { kind: 'exited', code: 0 };
  if (end.kind !== 'failed') return { kind: 'killed', by: 'cancel' };
  const { failure } = end;
  switch (failure.reason) {
    case 'exit-code':
      return { kind: 'exited', code: failure.exitCode };
    case 'timed-out':
      return { kind: 'killed', by: 'timeout' };
    case 'not-started':
      return { kind: 'not-started', message: failure.message };
    default:
      return { kind: 'killed', by: 'signal' };
  }
}
