import { AppError } from "@/contracts/errors";
import type { RankedDocument } from "./retriever";

type Search = (queries: readonly string[], k: number, signal?: AbortSignal) => Promise<RankedDocument[][]>;

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

/**
 * Turns concurrent requests into batches: while one batch is searched, the requests that arrive wait together and
 * become the next. First come, first served; a request is never split, and gets exactly what it would get alone.
 */
export class Coalescer {
  private readonly waiting: Waiting[] = [];
  private waitingCount = 0;
  private running = 0;
  /** Batches searched so far. */
  batches = 0;

  constructor(
    private readonly search: Search,
    private readonly limits: CoalescerLimits = { batch: 256, waiting: 4096, parallel: 2 },
  ) {}

  /** Queries that wait for the next batch. */
  get waitingQueries(): number {
    return this.waitingCount;
  }

  /** Ranked documents for each query. Throws `retriever-unavailable` where too many queries wait already. */
  submit(queries: readonly string[], k: number, signal?: AbortSignal): Promise<RankedDocument[][]> {
    if (this.waitingCount + queries.length > this.limits.waiting && this.waitingCount > 0) {
      return Promise.reject(new AppError("retriever-unavailable", `${this.waitingCount} queries are waiting already; try again later`));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ queries, k, signal, resolve, reject });
      this.waitingCount += queries.length;
      this.start();
    });
  }

  private start(): void {
    while (this.running < this.limits.parallel && this.waiting.length > 0) {
      const batch = this.nextBatch();
      if (batch.length === 0) continue;
      this.running += 1;
      this.batches += 1;
      void this.run(batch).finally(() => {
        this.running -= 1;
        this.start();
      });
    }
  }

  /** Takes requests in their order until the batch is full; those whose client is gone are dropped. */
  private nextBatch(): Waiting[] {
    const batch: Waiting[] = [];
    let size = 0;
    for (let next = this.waiting[0]; next; next = this.waiting[0]) {
      if (batch.length > 0 && size + next.queries.length > this.limits.batch) break;
      this.waiting.shift();
      this.waitingCount -= next.queries.length;
      if (next.signal?.aborted) {
        next.reject(new AppError("cancelled", "the request was cancelled"));
        continue;
      }
      batch.push(next);
      size += next.queries.length;
    }
    return batch;
  }

  private async run(batch: readonly Waiting[]): Promise<void> {
    try {
      // The first k of a longer ranking are the ranking of length k.
      const k = Math.max(...batch.map((request) => request.k));
      const results = await this.search(batch.flatMap((request) => request.queries), k);
      let start = 0;
      for (const request of batch) {
        const own = results.slice(start, start + request.queries.length);
        start += request.queries.length;
        request.resolve(own.map((ranked) => ranked.slice(0, request.k)));
      }
    } catch (error) {
      for (const request of batch) request.reject(error);
    }
  }
}
