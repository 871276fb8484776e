import type { DocumentText } from "@/contracts/records/episode";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import type { Reranker } from "@/gpu-workers/retrieval/encoders/reranker";
import {
  computeRetrievalKey,
  throwIfCancelled,
  type RankedDocument,
  type Retriever,
  type RetrieverDescription,
} from "@/gpu-workers/retrieval/retriever";
import { markMessage } from "@/core/texts/mark-message";

/** The part of a `Reranker` that is used here. */
export type PassageScorer = Pick<Reranker, "name" | "fingerprint" | "score" | "close">;

/**
 * Reranks the first documents of a retriever. Documents beyond the depth keep their order and follow the reranked ones
 * with the score of the last of these, because the two kinds of score cannot be compared.
 */
export class RerankingRetriever implements Retriever {
  constructor(
    private readonly retriever: Retriever,
    private readonly reranker: PassageScorer,
    private readonly depth: number,
  ) {}

  async search(
    queries: readonly string[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[][]> {
    const rankings = await this.retriever.search(queries, Math.max(k, this.depth), signal);
    const results: RankedDocument[][] = [];
    for (const [i, ranking] of rankings.entries()) {
      throwIfCancelled(signal);
      results.push((await this.rerank(queries[i] ?? "", ranking, signal)).slice(0, k));
    }
    return results;
  }

  getDocuments(ids: readonly string[]): Promise<DocumentText[]> {
    return this.retriever.getDocuments(ids);
  }

  describe(): RetrieverDescription {
    const { key, title, ...rest } = this.retriever.describe();
    const own = computeRetrievalKey(["reranked", key, this.reranker.fingerprint, this.depth]);
    return {
      ...rest,
      key: own,
      title: `${title}; ${markMessage`first ${this.depth} reranked by ${this.reranker.name}`}`,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.retriever.close(), this.reranker.close()]);
  }

  private async rerank(
    query: string,
    ranking: readonly RankedDocument[],
    signal?: AbortSignal,
  ): Promise<RankedDocument[]> {
    const head = ranking.slice(0, this.depth);
    const scores = await this.reranker.score(query, head.map(formatPassage), signal);
    const ordered = head
      .map((document, i) => ({ ...document, score: scores[i] ?? 0 }))
      .sort((a, b) => b.score - a.score); // stable: equal scores keep their order
    const last = ordered.at(-1)?.score ?? 0;
    return [
      ...ordered,
      ...ranking.slice(this.depth).map((document) => ({ ...document, score: last })),
    ];
  }
}
