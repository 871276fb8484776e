import { AppError } from "@/contracts/errors";
import { pauseFor } from "@/gpu-workers/runtime/pause";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";

/** A training run outlasts a retriever that is gone for this long, beyond what its client tries by itself. */
export const PATIENCE = { limitMs: 180_000, pauseMs: 5_000 };

/** The same retriever, asked again where it is not available, until `limitMs` have passed; `tell` says so once an outage. */
export function patient(
  retriever: Retriever,
  tell: (message: string) => void,
  signal: AbortSignal,
  { limitMs, pauseMs } = PATIENCE,
): Retriever {
  return {
    search: async (queries, k, own) => {
      // The clock may jump; this one does not.
      const began = performance.now();
      for (let attempt = 1; ; attempt++) {
        try {
          return await retriever.search(queries, k, own);
        } catch (error) {
          if (
            !(error instanceof AppError && error.code === "retriever-unavailable") ||
            performance.now() - began + pauseMs > limitMs
          )
            throw error;
          if (attempt === 1)
            tell(
              `The retriever is not available; it is asked again for ${Math.round(limitMs / 1000)} s. ${error.message}`,
            );
          await pauseFor(pauseMs, own ?? signal);
        }
      }
    },
    documents: (ids) => retriever.documents(ids),
    describe: () => retriever.describe(),
    close: () => retriever.close(),
  };
}
