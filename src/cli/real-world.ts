/**
 * The world of a real process.
 */
import { packageRoot } from '../package.js';
import type { Output, World } from './world.js';

export function realWorld(): World {
  return {
    env: process.env,
    cwd: personsFolder(process.env, process.cwd()),
    out: outputTo(process.stdout),
    err: outputTo(process.stderr),
    canAsk: Boolean(process.stdin.isTTY && process.stderr.isTTY),
    ask,
    now: Date.now,
    onInterrupt(listener) {
      process.on('SIGINT', listener).on('SIGTERM', listener);
      return () => process.off('SIGINT', listener).off('SIGTERM', listener);
    },
    onExit(listener) {
      process.on('exit', listener);
      return () => process.off('exit', listener);
    },
  };
}

/** npm runs a package's script in the package's folder, and says in `INIT_CWD` where the person stood. */
export function personsFolder(env: NodeJS.ProcessEnv, cwd: string): string {
  const stood = env['INIT_CWD'];
  return stood && env['npm_lifecycle_event'] && cwd === packageRoot().replace(/[/\\]$/, '') ? stood : cwd;
}

async function ask(question: string): Promise<string | null> {
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<null>((resolve) => lines.once('close', () => resolve(null)));
  const answer = await Promise.race([lines.question(question), ended]);
  lines.close();
  return answer;
}

function outputTo(stream: NodeJS.WriteStream): Output {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // `planwright events last | head -1`: whoever read has enough, and so have we.
    if (error.code === 'EPIPE') process.exit(0);
    // A full disk behind a redirection; of what goes to standard error nobody can be told.
    if (stream !== process.stderr)
      process.stderr.write(`planwright: the result cannot be written: ${error.message}\n`);
    process.exit(1);
  });
  return {
    isTerminal: Boolean(stream.isTTY),
    size: () => ({ columns: stream.columns || 80, rows: stream.rows || 24 }),
    write: (data) => void stream.write(data),
    drained: () =>
      stream.writableNeedDrain
        ? new Promise((resolve) => stream.once('drain', () => resolve()))
        : Promise.resolve(),
    onResize(listener) {
      stream.on('resize', listener);
      return () => stream.off('resize', listener);
    },
  };
}
