/**
 * Program: lets Temporal's SDK download its dev server into a folder. `node sdk-download.js <folder> <release>`.
 *
 * The SDK downloads only what it then starts, so the server runs for a moment.
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';

const [downloadDir, version] = process.argv.slice(2);
if (downloadDir === undefined || version === undefined)
  throw new Error('BUG: sdk-download.js <folder> <release>');

Runtime.install({ logger: new DefaultLogger('ERROR') });
try {
  const server = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir, version } },
  });
  await server.teardown();
  process.exit(0);
} catch (error) {
  process.stderr.write(explain(error));
  process.exit(1);
}

/** The message, and that of each cause which it does not tell already. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : explain(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}
