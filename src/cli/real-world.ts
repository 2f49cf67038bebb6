/**
 * The world of a real process.
 */
import { packageRoot } from '../package.js';
import type { Output, World } from './world.js';

export function realWorld(): World {
  const readers = { mayLeave: false };
  return {
    env: process.env,
    cwd: personsFolder(process.env, process.cwd()),
    out: outputTo(process.stdout, readers),
    err: outputTo(process.stderr, readers),
    canAsk: Boolean(process.stdin.isTTY && process.stderr.isTTY),
    ask,
    now: Date.now,
    onInterrupt(listener) {
      process.on('SIGINT', listener).on('SIGTERM', listener);
      return () => process.off('SIGINT', listener).off('SIGTERM', listener);
    },
    goOnUnread() {
      readers.mayLeave = true;
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

function outputTo(stream: NodeJS.WriteStream, readers: { readonly mayLeave: boolean }): Output {
  let isUnread = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // `planwright events last | head -1`: whoever read has enough, and so have we.
    if (error.code === 'EPIPE') {
      if (!readers.mayLeave) process.exit(0);
      isUnread = true;
      return;
    }
    // A full disk behind a redirection; of what goes to standard error nobody can be told.
    if (stream !== process.stderr)
      process.stderr.write(`planwright: the result cannot be written: ${error.message}\n`);
    process.exit(1);
  });
  return {
    isTerminal: Boolean(stream.isTTY),
    size: () => ({ columns: stream.columns || 80, rows: stream.rows || 24 }),
    write: (data) => void (isUnread || stream.write(data)),
    drained: () =>
      stream.writableNeedDrain && !isUnread
        ? new Promise((resolve) => stream.once('drain', resolve).once('close', resolve))
        : Promise.resolve(),
    onResize(listener) {
      stream.on('resize', listener);
      return () => stream.off('resize', listener);
    },
  };
}
