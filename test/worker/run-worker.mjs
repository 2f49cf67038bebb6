/** Program: a worker of the built code in the foreground. `node run-worker.mjs <home> <address> [label …]`. */
import { onStopSignals } from '../../dist/os/stop-signals.js';
import { embeddedTarget } from '../../dist/server/target.js';
import { runWorker } from '../../dist/worker.js';

const [home, address, ...labels] = process.argv.slice(2);
const finished = await runWorker({
  home,
  target: embeddedTarget({ address, namespace: 'default', webUi: '' }),
  labels,
  slots: Number(process.env.SLOTS ?? 4),
  stop: onStopSignals(),
  tell: (line) => console.log(line),
  onPolling: () => console.log('polling'),
});
process.exit(finished ? 0 : 1);
