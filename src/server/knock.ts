/**
 * Whether anybody listens at an address: the SDK asks again and again before it says that nobody does.
 */
import { connect } from 'node:net';

/**
 * Resolves when a TCP connection to `host:port` comes to be.
 *
 * @throws Error with the system's reason, or after `limitMs`
 */
export function knock(address: string, limitMs: number): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`); // IPv6 in brackets, too
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: hostname.replaceAll(/[[\]]/g, ''),
      port: Number(port || DEFAULT_PORT),
      timeout: limitMs,
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
    socket.once('timeout', () => {
      socket.destroy();
      reject(new Error(`no answer within ${limitMs / 1000} s`));
    });
  });
}

/** As the SDK takes it. */
const DEFAULT_PORT = 7233;
