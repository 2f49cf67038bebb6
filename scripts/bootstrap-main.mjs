// @ts-check
/**
 * Program: makes the checkout ready and says nothing more. `node scripts/bootstrap-main.mjs`.
 */
import { bootstrap, BootstrapError } from './bootstrap.mjs';

try {
  await bootstrap();
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  process.stderr.write(`planwright: ${error.message}\n`);
  process.exitCode = 1;
}
