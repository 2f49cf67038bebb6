/**
 * The way of one output stream with secrets: command → named pipe → masker → log file.
 *
 * A named pipe, because what Node itself gives a child are sockets, and `echo > /dev/stderr` fails on a socket.
 */
import { closeSync, constants, createWriteStream, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Masker } from './masker.js';

export class MaskedOutput {
  /** Keeps the pipe from ending before the command has opened it. */
  #placeholder: number | null;
  readonly #reader: Socket;
  readonly #done: Promise<Error | null>;
  #lastRead = performance.now();

  /**
   * @param pipe - a named pipe that is there already
   * @param log - where the masked bytes go; made if missing
   */
  constructor(pipe: string, log: string, secrets: readonly string[]) {
    // Without O_NONBLOCK the open waits for a writer, and with it Node for us.
    const reading = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#placeholder = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    this.#reader = new Socket({ fd: reading, readable: true, writable: false });
    const masker = new Masker(secrets);
    const masking = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.#lastRead = performance.now();
        done(null, masker.push(chunk));
      },
      flush: (done) => done(null, masker.end()),
    });
    // A disk that is slow makes the command wait; one that is full ends the pipe, and the command's next write fails.
    this.#done = pipeline(this.#reader, masking, createWriteStream(log, { flags: 'a', mode: 0o600 })).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Tells that the command holds the pipe, or never will: from now on it ends with its last writer. */
  started(): void {
    if (this.#placeholder !== null) closeSync(this.#placeholder);
    this.#placeholder = null;
  }

  /**
   * Waits until all is written after the command's end, and returns what went wrong, or null.
   *
   * A process that escaped may hold the pipe for ever: after `quietMs` without a byte, or `atMostMs` in all, it is cut.
   */
  async finish(quietMs = 500, atMostMs = 5_000): Promise<Error | null> {
    const start = performance.now();
    this.#lastRead = start;
    const watch = setInterval(() => {
      const now = performance.now();
      if (now - this.#lastRead > quietMs || now - start > atMostMs) this.#reader.destroy();
    }, 50);
    try {
      return await this.#done;
    } finally {
      clearInterval(watch);
    }
  }
}
