import { createHash } from "node:crypto";
import type { DocumentText } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { CrossEncoderOperations } from "./cross-encoder-thread";
import { type RerankerFiles, findReranker } from "./reranker-settings";
import { passageText } from "@/gpu-workers/runtime/progress";
import {
  type RankedDocument,
  type Retriever,
  type RetrieverDescription,
} from "@/gpu-workers/retrieval/retriever";
import { LastingThread, ThreadClient } from "@/gpu-workers/runtime/thread";
import { sessionCount } from "./weights";

/** Passages that a thread takes at once. */
const SLICE = 16;

type RerankerThread = LastingThread<CrossEncoderOperations, "load">;

/** A cross-encoder: reads a query together with a passage and says how well they fit. As many sessions as an encoder has (weights.ts). */
export class Reranker {
  private next = 0;

  private constructor(
    private readonly files: RerankerFiles,
    private readonly threads: readonly RerankerThread[],
  ) {}

  /** Loads a preset or a model folder (see `findReranker`). */
  static async load(
    name: string,
    options: { directory?: string; threads?: number } = {},
  ): Promise<Reranker> {
    const files = await findReranker(name, options.directory);
    const count = options.threads ?? (await sessionCount([files.modelPath]));
    const module = new URL("./cross-encoder-thread.ts", import.meta.url);
    const start = (): ThreadClient<CrossEncoderOperations> =>
      new ThreadClient(module, "reranker thread", files);
    const threads = Array.from(
      { length: count },
      (): RerankerThread => new LastingThread(start, { operation: "load", request: null }),
    );
    try {
      await Promise.all(threads.map((thread) => thread.open()));
      return new Reranker(files, threads);
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.terminate()));
      throw error;
    }
  }

  get name(): string {
    return this.files.name;
  }

  get fingerprint(): string {
    return this.files.fingerprint;
  }

  /** Scores of the passages, in their order; higher is better. Throws `cancelled` once the signal is aborted. */
  async score(query: string, passages: readonly string[], signal?: AbortSignal): Promise<number[]> {
    const slices = Array.from({ length: Math.ceil(passages.length / SLICE) }, (_, i) =>
      passages.slice(i * SLICE, (i + 1) * SLICE),
    );
    const parts = await Promise.all(
      slices.map((part) => {
        if (signal?.aborted) throw new AppError("cancelled", "the search was cancelled");
        const thread = this.threads[this.next++ % this.threads.length];
        if (!thread) throw new AppError("internal", "the reranker has no thread");
        return thread.call("score", { query, passages: part });
      }),
    );
    return parts.flatMap((part) => [...part]);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.terminate()));
  }
}

/** What is used of a `Reranker`. */
export type PassageScorer = Pick<Reranker, "name" | "fingerprint" | "score" | "close">;

/**
 * Orders the first documents of a retriever anew. Documents beyond the depth keep their order and come after the
 * reranked ones, with the score of the last of these, because the two kinds of score cannot be compared.
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
      if (signal?.aborted) throw new AppError("cancelled", "the search was cancelled");
      results.push((await this.reranked(queries[i] ?? "", ranking, signal)).slice(0, k));
    }
    return results;
  }

  documents(ids: readonly string[]): Promise<DocumentText[]> {
    return this.retriever.documents(ids);
  }

  describe(): RetrieverDescription {
    const { kind, key, title, documents } = this.retriever.describe();
    const own = createHash("sha256")
      .update(JSON.stringify(["reranked", key, this.reranker.fingerprint, this.depth]))
      .digest("hex")
      .slice(0, 32);
    return {
      kind,
      key: own,
      title: `${title}; first ${this.depth} reranked by ${this.reranker.name}`,
      documents,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.retriever.close(), this.reranker.close()]);
  }

  private async reranked(
    query: string,
    ranking: readonly RankedDocument[],
    signal?: AbortSignal,
  ): Promise<RankedDocument[]> {
    const head = ranking.slice(0, this.depth);
    const scores = await this.reranker.score(query, head.map(passageText), signal);
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
