/**
 * Turns calls for one input each into batches: while earlier batches are worked on, the calls that come wait together and
 * become the next.
 *
 * @param work answers a batch, in its order; where it fails, so do the calls of that batch
 * @param parallel batches under way at once
 */
export function gatherCalls<I, O>(
  work: (inputs: readonly I[]) => Promise<readonly O[]>,
  parallel: number,
): (input: I) => Promise<O> {
  interface Call {
    input: I;
    resolve: (output: O) => void;
    reject: (error: unknown) => void;
  }
  let waiting: Call[] = [];
  let running = 0;
  const begin = (): void => {
    if (running >= parallel || waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    running += 1;
    work(batch.map(({ input }) => input))
      .then((outputs) => batch.forEach(({ resolve }, i) => resolve(outputs[i]!)))
      .catch((error: unknown) => batch.forEach(({ reject }) => reject(error)))
      .finally(() => {
        running -= 1;
        begin();
      });
  };
  return (input) =>
    new Promise((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      begin();
    });
}
