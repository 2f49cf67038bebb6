/**
 * Work that goes on side by side and shares what it works in.
 */

/**
 * `Promise.all` that ends only when all have: where one fails, none of the others is still at work on what is then removed or
 * made again.
 *
 * @throws what the first of them that failed threw
 */
export async function allEnded<T extends readonly unknown[] | []>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
