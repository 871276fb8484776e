import { AppError } from "@/contracts/errors";
import { retry, waitFor } from "@/lib/retry";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";

/** A training run outlasts a retriever that is gone for this long, beyond what its client tries by itself. */
export const RETRIEVER_RETRY = { limitMs: 180_000, pauseMs: 5_000 };

/** The same retriever, asked again where it is not available, until `limitMs` have passed; `tell` says so once an outage. */
export function withRetrieverRetry(
  retriever: Retriever,
  tell: (message: string) => void,
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
            tell(
              `The retriever is not available; it is asked again for ${Math.round(limitMs / 1000)} s. ${(error as Error).message}`,
            );
        },
      }),
    getDocuments: (ids) => retriever.getDocuments(ids),
    describe: () => retriever.describe(),
    close: () => retriever.close(),
  };
}
