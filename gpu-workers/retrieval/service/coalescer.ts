import { onAbort } from "@/lib/on-abort";
import { AppError, type ErrorCode } from "@/contracts/errors";
import type { RankedDocument, Retriever } from "@/gpu-workers/retrieval/retriever";

type Search = (
  queries: readonly string[],
  k: number,
  signal?: AbortSignal,
) => Promise<RankedDocument[][]>;

type Waiting = {
  queries: readonly string[];
  k: number;
  signal?: AbortSignal;
  resolve: (results: RankedDocument[][]) => void;
  reject: (error: unknown) => void;
};

export interface CoalescerLimits {
  /** Queries searched together. */
  batch: number;
  /** Queries that may wait; more are refused. */
  waiting: number;
  /** Batches under way at once: two keep encoder and index busy at the same time. */
  parallel: number;
}
export const COALESCER_LIMITS: CoalescerLimits = { batch: 256, waiting: 4096, parallel: 2 };

/** Failures of the retriever, not of a query: a batch that failed so is not searched again one by one. */
const RETRIEVER_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "retriever-unavailable",
  "cancelled",
]);

/** Weight of the newest batch in the running mean of seconds per query. */
const PACE_SMOOTHING = 0.2;

/**
 * Turns concurrent requests into batches: while one batch is searched, the requests that arrive wait together and
 * become the next. A batch holds requests of one k, that of the request that has waited longest; among those of equal
 * k it is first come, first served. A request is never split, and gets exactly what it would get alone: the ranking of
 * its own k, which need not be the beginning of a longer one (fusion to a depth, FAISS's graphs), and never another's
 * error.
 */
export class Coalescer {
  private waiting: Waiting[] = [];
  private waitingCount = 0;
  private running = 0;
  private secondsPerQuery = 0;
  /** Batches searched so far. */
  batches = 0;

  constructor(
    private readonly search: Search,
    private readonly limits: CoalescerLimits = COALESCER_LIMITS,
  ) {}

  /** Queries that wait for the next batch. */
  get waitingQueries(): number {
    return this.waitingCount;
  }

  /** Seconds until the queries that wait now are answered, at the pace of the latest batches. */
  get waitSeconds(): number {
    return this.waitingCount * this.secondsPerQuery;
  }

  /** Ranked documents for each query. Throws `retriever-unavailable` where too many queries wait already. */
  submit(queries: readonly string[], k: number, signal?: AbortSignal): Promise<RankedDocument[][]> {
    if (this.waitingCount + queries.length > this.limits.waiting && this.waitingCount > 0) {
      return Promise.reject(
        new AppError(
          "retriever-unavailable",
          `${this.waitingCount} queries are waiting already; try again later`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ queries, k, signal, resolve, reject });
      this.waitingCount += queries.length;
      this.startBatches();
    });
  }

  private startBatches(): void {
    while (this.running < this.limits.parallel && this.waiting.length > 0) {
      const batch = this.takeBatch();
      if (batch.length === 0) continue;
      this.running += 1;
      this.batches += 1;
      void this.runBatch(batch).finally(() => {
        this.running -= 1;
        this.startBatches();
      });
    }
  }

  /** Takes the request that has waited longest and those of its k, in their order, until the batch is full; drops those whose client is gone. */
  private takeBatch(): Waiting[] {
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    let size = 0;
    let full = false;
    for (const next of this.waiting) {
      if (next.signal?.aborted) {
        this.waitingCount -= next.queries.length;
        next.reject(new AppError("cancelled", "the request was cancelled"));
        continue;
      }
      const joins = next.k === (batch[0] ?? next).k;
      full ||= joins && batch.length > 0 && size + next.queries.length > this.limits.batch; // nothing smaller overtakes it
      if (!joins || full) {
        left.push(next);
        continue;
      }
      this.waitingCount -= next.queries.length;
      batch.push(next);
      size += next.queries.length;
    }
    this.waiting = left;
    return batch;
  }

  private async runBatch(batch: readonly Waiting[]): Promise<void> {
    const [first] = batch;
    if (!first) return;
    const began = performance.now();
    const queries = batch.flatMap((request) => request.queries);
    const combined = combineSignals(batch);
    try {
      const results = await this.search(queries, first.k, combined.signal);
      let start = 0;
      for (const request of batch) {
        request.resolve(results.slice(start, start + request.queries.length));
        start += request.queries.length;
      }
      const pace = (performance.now() - began) / 1000 / queries.length / this.limits.parallel;
      this.secondsPerQuery =
        this.secondsPerQuery === 0
          ? pace
          : (1 - PACE_SMOOTHING) * this.secondsPerQuery + PACE_SMOOTHING * pace;
    } catch (error) {
      if (batch.length === 1 || (error instanceof AppError && RETRIEVER_ERRORS.has(error.code))) {
        for (const request of batch) request.reject(error);
        return;
      }
      // One query of the batch may be what the retriever cannot do: only that request gets its error.
      for (const request of batch)
        await this.search(request.queries, request.k, request.signal).then(
          request.resolve,
          request.reject,
        );
    } finally {
      combined.release();
    }
  }
}

/**
 * A retriever whose searches that come while others are under way are made as one batch. None is refused for being many:
 * who asks here waits for each answer before it asks again.
 */
export function gatherSearches(retriever: Retriever): Retriever {
  const coalescer = new Coalescer((queries, k, signal) => retriever.search(queries, k, signal), {
    ...COALESCER_LIMITS,
    waiting: Infinity,
  });
  return {
    search: (queries, k, signal) => coalescer.submit(queries, k, signal),
    getDocuments: (ids) => retriever.getDocuments(ids),
    describe: () => retriever.describe(),
    close: () => retriever.close(),
  };
}

/**
 * A signal that is aborted once every client of the batch is gone; undefined where one cannot go. `release` ends its
 * listening: clients that share a signal outlive the batch.
 */
function combineSignals(batch: readonly Waiting[]): {
  signal: AbortSignal | undefined;
  release: () => void;
} {
  const signals = new Set(batch.map(({ signal }) => signal));
  if (signals.has(undefined)) return { signal: undefined, release: () => undefined };
  const all = new AbortController();
  const alive = [...signals].filter((signal) => !signal!.aborted);
  let left = alive.length;
  const undo = alive.map((signal) => onAbort(signal!, () => --left === 0 && all.abort()));
  return { signal: all.signal, release: () => undo.forEach((each) => each()) };
}
