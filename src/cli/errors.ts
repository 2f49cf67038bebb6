/**
 * Errors, as a person reads them and as an exit code.
 */
import { isSystemError } from '../activities/machine-trouble.js';
import { PlanError, PlanwrightError } from '../client/errors.js';
import type { Problem } from '../plan/load/diagnostics.js';
import { SetupError } from '../server/setup-error.js';
import { GitFailure } from '../tools/git/call.js';
import { paintFor, type Paint } from './paint.js';
import { neutralise } from './text/neutralise.js';
import type { ExitCode, World } from './world.js';

/** A command that was used in a way it does not know. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(
    message: string,
    readonly remedies: readonly string[] = [],
  ) {
    super(message);
  }
}

/** Writes what went wrong and returns the exit code that goes with it. */
export async function reportError(world: World, error: unknown, asJson: boolean): Promise<ExitCode> {
  const paint = paintFor(world.env, world.err);
  if (error instanceof PlanError) {
    await printProblems(world, error.problems);
    if (asJson)
      world.out.write(
        `${JSON.stringify({ type: 'error', code: error.code, message: error.message, problems: error.problems })}\n`,
      );
    return 2;
  }
  const { message, remedies, code } = described(error);
  world.err.write(`${paint.red('planwright:')} ${neutralise(message)}\n${remedyLines(remedies)}`);
  if (asJson) world.out.write(`${JSON.stringify({ type: 'error', code, message, remedies })}\n`);
  return exitCodeOf(error);
}

function described(error: unknown): {
  readonly message: string;
  readonly remedies: readonly string[];
  readonly code: string;
} {
  if (error instanceof PlanwrightError) return error;
  if (error instanceof UsageError) return { message: error.message, remedies: error.remedies, code: 'usage' };
  if (error instanceof SetupError) return { message: error.message, remedies: [], code: 'setup' }; // its message holds them
  if (error instanceof GitFailure) {
    return {
      message: error.message,
      remedies: ['planwright doctor    says which git is in use'],
      code: 'git',
    };
  }
  if (isServiceError(error)) {
    return {
      message: `the Temporal server did not answer: ${error.message}`,
      remedies: ['planwright doctor'],
      code: 'server-unreachable',
    };
  }
  if (isSystemError(error)) {
    const isFull = error.code === 'ENOSPC' || error.code === 'EDQUOT';
    return {
      message: isFull
        ? `no space is left on the disk: ${error.message}`
        : `the system refused: ${error.message}`,
      remedies: [isFull ? 'make room, then try again' : 'planwright doctor'],
      code: 'system',
    };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { message: `something went wrong that should not have:\n${stack}`, remedies: [], code: 'bug' };
}

const remedyLines = (remedies: readonly string[]): string =>
  remedies.map((remedy) => `  ${neutralise(remedy)}\n`).join('');

const isServiceError = (error: unknown): error is Error =>
  error instanceof Error && (error.name === 'ServiceError' || isGrpcError(error));

/** As the connection throws it, where no client of ours stood between. */
const isGrpcError = (error: Error): boolean =>
  typeof (error as { readonly code?: unknown }).code === 'number' &&
  'details' in error &&
  'metadata' in error;

/** What could not even be begun is 2, as wrong use is; a machine that does not do its part later is 1. */
function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return 2;
  if (error instanceof GitFailure && error.reason === 'not-installed') return 2;
  if (error instanceof SetupError) return 2; // found before anything was touched
  if (!(error instanceof PlanwrightError)) return 1;
  return error.code === 'no-worker' || error.code === 'unreadable-record' ? 1 : 2;
}

/** Writes the problems of a plan, as compilers write theirs. */
export async function printProblems(world: World, problems: readonly Problem[]): Promise<void> {
  const { formatProblems } = await import('../plan/load/diagnostics.js');
  const paint = paintFor(world.env, world.err);
  world.err.write(
    formatProblems(problems)
      .map((line) => `${painted(neutralise(line), paint)}\n`)
      .join(''),
  );
}

function painted(line: string, paint: Paint): string {
  return line
    .replace(/(?<=: )error(?=: )/, (word) => paint.red(word))
    .replace(/(?<=: )warning(?=: )/, (word) => paint.yellow(word));
}
