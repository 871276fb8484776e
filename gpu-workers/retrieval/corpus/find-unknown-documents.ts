import { AppError } from "@/contracts/errors";
import { chunk } from "@/lib/chunk";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";

/** Ids in one call. */
const BATCH = 512;

/**
 * Finds the ids that the retriever's corpus does not hold; null where the retriever cannot read documents by id. A
 * batch that fails is halved until each unknown id stands alone, so that a few of them cost few calls.
 */
export async function findUnknownDocuments(
  retriever: Pick<Retriever, "getDocuments">,
  ids: readonly string[],
): Promise<Set<string> | null> {
  const unknown = new Set<string>();
  const check = async (batch: readonly string[]): Promise<void> => {
    try {
      await retriever.getDocuments(batch);
    } catch (error) {
      if (!(error instanceof AppError && error.code === "not-found")) throw error;
      if (batch.length === 1) return void unknown.add(batch[0]!);
      const half = batch.length >> 1;
      await check(batch.slice(0, half));
      await check(batch.slice(half));
    }
  };
  try {
    for (const batch of chunk(ids, BATCH)) await check(batch);
  } catch (error) {
    if (error instanceof AppError && error.code === "unsupported") return null;
    throw error;
  }
  return unknown;
}
