/**
 * Temporal's environment configuration, to be imported when it is needed; why it has a file: see `client.ts`.
 */
export { loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
