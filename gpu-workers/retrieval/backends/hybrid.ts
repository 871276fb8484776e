import type { RetrieverConfigOfKind } from "@/contracts/run-config/retriever";
import type { DocumentText } from "@/contracts/records/episode";
import { fuseByReciprocalRank, fuseByWeightedScores } from "./fusion";
import {
  computeRetrievalKey,
  type RankedDocument,
  type Retriever,
  type RetrieverDescription,
} from "@/gpu-workers/retrieval/retriever";
import { markMessage } from "@/core/texts/mark-message";

export type FusionSettings = Pick<
  RetrieverConfigOfKind<"hybrid">,
  "fusion" | "depth" | "rrfK" | "denseWeight"
>;

/** Searches a dense and a BM25 retriever over the same corpus at the same time and fuses their rankings. */
export class HybridRetriever implements Retriever {
  constructor(
    private readonly dense: Retriever,
    private readonly bm25: Retriever,
    private readonly settings: FusionSettings,
  ) {}

  async search(
    queries: readonly string[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[][]> {
    const depth = Math.max(this.settings.depth, k);
    const [dense, bm25] = await Promise.all([
      this.dense.search(queries, depth, signal),
      this.bm25.search(queries, depth, signal),
    ]);
    return queries.map((_, i) => this.fuse(dense[i] ?? [], bm25[i] ?? []).slice(0, k));
  }

  getDocuments(ids: readonly string[]): Promise<DocumentText[]> {
    return this.bm25.getDocuments(ids);
  }

  describe(): RetrieverDescription {
    const { fusion, depth, rrfK, denseWeight } = this.settings;
    const [dense, bm25] = [this.dense.describe(), this.bm25.describe()];
    const how = fusion === "rrf" ? ["rrf", depth, rrfK] : ["weighted", depth, denseWeight];
    const key = computeRetrievalKey(["hybrid", dense.key, bm25.key, ...how]);
    const title =
      fusion === "rrf"
        ? markMessage`reciprocal rank fusion, k ${rrfK}`
        : markMessage`scores weighted ${denseWeight} to ${Number((1 - denseWeight).toPrecision(6))}`;
    return {
      kind: "hybrid",
      key,
      title: `${dense.title} + ${bm25.title}: ${title}`,
      documents: bm25.documents,
      ...(bm25.note !== undefined && { note: bm25.note }),
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.dense.close(), this.bm25.close()]);
  }

  private fuse(
    dense: readonly RankedDocument[],
    bm25: readonly RankedDocument[],
  ): RankedDocument[] {
    const { fusion, rrfK, denseWeight } = this.settings;
    const rankings = [dense, bm25];
    const scored =
      fusion === "rrf"
        ? fuseByReciprocalRank(rankings, rrfK)
        : fuseByWeightedScores(rankings, [denseWeight, 1 - denseWeight]);
    const byId = new Map(rankings.flat().map((document) => [document.id, document]));
    return scored.flatMap(({ id, score }) => {
      const document = byId.get(id);
      return document ? [{ ...document, score }] : [];
    });
  }
}
