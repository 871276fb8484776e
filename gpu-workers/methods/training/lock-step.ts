/** A request that waits for its batch. */
interface Pending<I, O> {
  lane: number;
  input: I;
  resolve: (output: O) => void;
  reject: (error: unknown) => void;
}

/**
 * Episodes that are played side by side, each in a lane of its own. What they ask of a service is answered as one batch,
 * in the order of the lanes, once no episode can go on without an answer. So batches depend on the episodes alone and not
 * on timing, and the same seeds give the same numbers.
 */
export class LockStep {
  private readonly services: { count: () => number; answer: () => Promise<void> }[] = [];
  private failure: { error: unknown } | null = null;

  /** @param active episodes that are played */
  constructor(private active: number) {}

  /**
   * Adds a service. Of several that are waited for, the one that was added first answers first.
   *
   * @param work answers a batch, in its order
   * @returns how an episode asks it
   */
  addService<I, O>(
    work: (inputs: readonly I[]) => Promise<readonly O[]>,
  ): (lane: number, input: I) => Promise<O> {
    let queue: Pending<I, O>[] = [];
    this.services.push({
      count: () => queue.length,
      answer: async () => {
        const batch = queue.sort((a, b) => a.lane - b.lane);
        queue = [];
        try {
          if (this.failure) throw this.failure.error;
          const outputs = await work(batch.map(({ input }) => input));
          batch.forEach(({ resolve }, i) => resolve(outputs[i]!));
        } catch (error) {
          // The other episodes need not be played to their ends.
          this.failure ??= { error };
          for (const { reject } of batch) reject(error);
        }
      },
    });
    return (lane, input) =>
      new Promise((resolve, reject) => {
        queue.push({ lane, input, resolve, reject });
        this.answerWhenAllWait();
      });
  }

  /** Plays the episodes to their ends. @throws the first failure, once all have ended */
  async play<T>(episodes: readonly (() => Promise<T>)[]): Promise<T[]> {
    const settled = await Promise.allSettled(
      episodes.map((episode) =>
        episode().finally(() => {
          this.active -= 1;
          this.answerWhenAllWait();
        }),
      ),
    );
    const failed = settled.find((result) => result.status === "rejected");
    if (failed) throw this.failure ? this.failure.error : failed.reason;
    return settled.map((result) => (result as PromiseFulfilledResult<T>).value);
  }

  private answerWhenAllWait(): void {
    const waiting = this.services.reduce((sum, { count }) => sum + count(), 0);
    if (waiting === 0 || waiting < this.active) return;
    void this.services.find(({ count }) => count() > 0)!.answer();
  }
}
