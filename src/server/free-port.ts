/**
 * Ports of this machine's loopback.
 */
import { createServer } from 'node:net';
import { LOOPBACK } from './dev-server.js';

/** Returns `preferred` when nobody listens there, else a port that the system says is free. */
export async function freePort(preferred: number | null): Promise<number> {
  return (preferred === null ? null : await bind(preferred)) ?? (await bind(0)) ?? fail();
}

/** Listens for a moment. Returns the port, or null when it is not to be had. */
function bind(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
    });
  });
}

function fail(): never {
  throw new Error('no free port on the loopback interface');
}
