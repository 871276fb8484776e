import { AppError } from "@/contracts/errors";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { chunk } from "@/lib/chunk";

/** Ids asked for at once. */
const SLICE = 512;

/**
 * Which of the ids the retriever's corpus does not hold; null where the retriever cannot say. A slice that fails is
 * halved until the unknown ids stand alone, so that a few of them cost few calls.
 */
export async function findUnknownDocuments(
  retriever: Pick<Retriever, "getDocuments">,
  ids: readonly string[],
): Promise<Set<string> | null> {
  const unknown = new Set<string>();
  const check = async (slice: readonly string[]): Promise<void> => {
    try {
      await retriever.getDocuments(slice);
    } catch (error) {
      if (!(error instanceof AppError && error.code === "not-found")) throw error;
      if (slice.length === 1) return void unknown.add(slice[0]!);
      const half = slice.length >> 1;
      await check(slice.slice(0, half));
      await check(slice.slice(half));
    }
  };
  try {
    for (const part of chunk(ids, SLICE)) await check(part);
  } catch (error) {
    if (error instanceof AppError && error.code === "unsupported") return null;
    throw error;
  }
  return unknown;
}
