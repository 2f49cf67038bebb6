/** Program: makes sure that the server of `PLANWRIGHT_HOME` runs, says so as JSON, and ends. */
import { stateHome } from '../../src/home.js';
import { ensureServer } from '../../src/server/embedded.js';

const record = await ensureServer(
  { home: stateHome(), env: process.env, tell: (line) => console.error(line) },
  (address) => console.error(`address ${address}`),
);
console.log(JSON.stringify(record));
