/**
 * Waits for work that is only of use as a whole: the first failure cancels what is left of it.
 *
 * @param begin starts the parts with a signal that is aborted once one of them has failed, or `signal` is
 * @throws the first failure, once every part has ended
 */
export async function runAllOrNone<T extends readonly unknown[]>(
  signal: AbortSignal,
  begin: (signal: AbortSignal) => T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const stop = new AbortController();
  const parts = begin(AbortSignal.any([signal, stop.signal]));
  try {
    return await Promise.all(parts);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(parts);
    throw error;
  }
}
