import type { RankedDocument, Retriever } from "@/gpu-workers/retrieval/retriever";

/** A search of one episode: its query, and the ids of the documents that the episode was shown before. */
export interface WindowSearch {
  query: string;
  seen: Set<string>;
}

/**
 * Retrieves a window of at most `size` documents for each search, as one batch. With `skipSeen`, documents shown before
 * are left out; so many more are retrieved that the window is full all the same. Adds the windows to `seen`.
 */
export async function searchWindows(
  retriever: Pick<Retriever, "search">,
  searches: readonly WindowSearch[],
  size: number,
  skipSeen: boolean,
  signal: AbortSignal,
): Promise<RankedDocument[][]> {
  const mostSeen = skipSeen ? Math.max(...searches.map(({ seen }) => seen.size)) : 0;
  const queries = searches.map(({ query }) => query);
  const ranked = await retriever.search(queries, size + mostSeen, signal);
  return searches.map(({ seen }, i) => {
    const window = ranked[i]!.filter(({ id }) => !skipSeen || !seen.has(id)).slice(0, size);
    for (const { id } of window) seen.add(id);
    return window;
  });
}
