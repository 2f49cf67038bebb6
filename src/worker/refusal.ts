/**
 * Reads what the SDK's native core says when a server cannot be reached, or does not want this worker.
 */
import { SetupError } from '../server/setup-error.js';
import type { Target } from '../server/target.js';

/** Answers that stay the same however often one asks. The names are gRPC's. */
const FINAL: Readonly<Record<string, string>> = {
  NotFound: 'name a namespace that is there: TEMPORAL_NAMESPACE (temporal operator namespace list)',
  Unauthenticated:
    'see to the credentials: TEMPORAL_API_KEY, or TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH',
  PermissionDenied: 'see to the credentials, and that they may use this namespace',
};

/** The core reports TLS failures as texts only. */
const TLS_FAILURE =
  /invalid peer certificate|InvalidMessage|AlertReceived|HandshakeFailure|certificate required/i;

/** Returns the error to end with, when trying again cannot help; else null. */
export function refusal(error: unknown, { address, namespace }: Target): SetupError | null {
  const text = error instanceof Error ? error.message : String(error);
  const [, code = '', message = ''] = /Status \{ code: (\w+), message: "((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  const remedy = FINAL[code];
  const wanted = `The Temporal server at ${address} does not serve namespace "${namespace}"`;
  if (remedy !== undefined)
    return new SetupError(`${wanted}: ${message} (${code})`, [remedy], { cause: error });
  if (TLS_FAILURE.test(text)) {
    return new SetupError(
      `No TLS connection to the Temporal server at ${address}: ${reasonOf(error)}`,
      [
        'see to TEMPORAL_TLS and the TEMPORAL_TLS_* variables: server certificate, client certificate and key, server name',
      ],
      { cause: error },
    );
  }
  return null;
}

/** Returns the innermost reason of one of the core's nested error texts. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const quoted = [...text.matchAll(/(?:message|error): "((?:[^"\\]|\\.)*)"/g)].at(-1)?.[1];
  return quoted ?? text.slice(0, 300);
}
