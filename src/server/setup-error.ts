/**
 * What stands between a person and a running server or worker: found before any run is touched.
 */
export class SetupError extends Error {
  override readonly name = 'SetupError';

  /**
   * @param message - what was wanted and what was found
   * @param remedies - what the person can do, one line each
   */
  constructor(
    message: string,
    readonly remedies: readonly string[],
    options?: ErrorOptions,
  ) {
    super([message, ...remedies.map((remedy) => `  - ${remedy}`)].join('\n'), options);
  }
}
