/**
 * The SDK's client, to be imported when it is needed: `await import('../sdk/client.js')`.
 *
 * A file of its own because the SDK is CommonJS: imported dynamically, a bundler gives only its default export.
 */
export { Client, Connection, WithStartWorkflowOperation } from '@temporalio/client';
