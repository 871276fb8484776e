import { AppError } from "@/contracts/errors";
import { retry, waitFor } from "@/lib/retry";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";

/** How long a training run waits for a retriever that is gone, beyond what the retriever's client tries by itself. */
const RETRIEVER_RETRY = { limitMs: 180_000, pauseMs: 5_000 };

/**
 * Wraps a retriever so that a search is tried again while the retriever is not available, for up to `limitMs`.
 *
 * @param warn is told once an outage
 */
export function withRetrieverRetry(
  retriever: Retriever,
  warn: (message: string) => void,
  signal: AbortSignal,
  { limitMs, pauseMs } = RETRIEVER_RETRY,
): Retriever {
  return {
    search: (queries, k, own) =>
      retry(() => retriever.search(queries, k, own), {
        budgetMs: limitMs,
        backoff: waitFor(pauseMs),
        signal: own ?? signal,
        buildAbortError: () => new AppError("cancelled", "the search was cancelled"),
        shouldRetry: (error) => error instanceof AppError && error.code === "retriever-unavailable",
        onRetry: (error, failures) => {
          if (failures === 1)
            warn(
              `The retriever is not available; it is asked again for ${Math.round(limitMs / 1000)} s. ${(error as Error).message}`,
            );
        },
      }),
    getDocuments: (ids) => retriever.getDocuments(ids),
    describe: () => retriever.describe(),
    close: () => retriever.close(),
  };
}
