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

/** The core wraps the one reason that counts in several sentences. */
function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const reason = /client error \([^)]*\): (.*)$/s.exec(text)?.[1];
  return reason === undefined ? text : `https://temporal.download cannot be reached: ${reason}`;
}
