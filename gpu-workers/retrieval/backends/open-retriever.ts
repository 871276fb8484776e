import { join } from "node:path";
import type { RetrieverConfig, RetrieverConfigOf } from "@/contracts/run-config/retriever";
import { type Bm25Settings, openBm25Retriever } from "./bm25";
import { findEncoder } from "@/gpu-workers/retrieval/encoders/encoder-settings";
import { HybridRetriever } from "./hybrid";
import { OpenSearchRetriever } from "./opensearch";
import { QdrantRetriever } from "./qdrant";
import { RemoteRetriever } from "./remote";
import { Reranker } from "@/gpu-workers/retrieval/encoders/reranker";
import { RerankingRetriever } from "./reranking";
import { findReranker } from "@/gpu-workers/retrieval/encoders/reranker-settings";
import { openDenseRetriever } from "./dense";
import type { RetrieverProgress } from "@/gpu-workers/retrieval/retriever";
import { type Retriever } from "@/gpu-workers/retrieval/retriever";

export interface OpenRetrieverOptions {
  /** JSONL file of the corpus (gpu-workers/agent/corpora.ts), asked for only by the kinds that search it themselves. */
  corpusPath: () => string;
  /** The worker's data folder; indexes are kept below it. */
  dataDir: string;
  signal?: AbortSignal;
  onProgress?: (progress: RetrieverProgress) => void;
}

/** Opens any kind of retriever; an index that is missing is built first. The one place that knows all kinds. */
export async function openRetriever(
  config: RetrieverConfig,
  options: OpenRetrieverOptions,
): Promise<Retriever> {
  switch (config.kind) {
    case "dense":
      return openReranked(config, () => openDense(config, options));
    case "bm25":
      return openReranked(config, () => openBm25(config, options));
    case "hybrid":
      return openReranked(config, () => openHybrid(config, options));
    case "remote":
      return RemoteRetriever.open(config.url, { signal: options.signal });
    case "opensearch":
      return OpenSearchRetriever.open(config, { signal: options.signal });
    case "qdrant":
      return QdrantRetriever.open(config, { signal: options.signal });
  }
}

/** Finds the models that a retriever needs: before hours of import and download. @throws AppError `not-found` with how to bring them */
export async function requireModels(config: RetrieverConfig): Promise<void> {
  if ("encoder" in config) await findEncoder(config.encoder, config.variant);
  if ("reranker" in config && config.reranker !== null) await findReranker(config.reranker);
}

type DenseSettings = Pick<
  RetrieverConfigOf<"dense">,
  "encoder" | "variant" | "index" | "nprobe" | "efSearch"
>;

const openDense = (
  config: DenseSettings,
  { corpusPath, dataDir, signal, onProgress }: OpenRetrieverOptions,
): Promise<Retriever> =>
  openDenseRetriever(
    {
      ...pickDenseSettings(config),
      corpusPath: corpusPath(),
      indexDir: join(dataDir, "indexes"),
      signal,
    },
    onProgress,
  );

const openBm25 = (
  { k1, b, operators }: Bm25Settings,
  { corpusPath, dataDir, signal, onProgress }: OpenRetrieverOptions,
): Promise<Retriever> =>
  openBm25Retriever({
    corpusPath: corpusPath(),
    settings: { k1, b, operators },
    indexDir: join(dataDir, "indexes"),
    signal,
    onProgress,
  });

/** One side after the other: each builds its index with all cores, and progress is of one thing at a time. */
async function openHybrid(
  config: RetrieverConfigOf<"hybrid">,
  options: OpenRetrieverOptions,
): Promise<Retriever> {
  const bm25 = await openBm25(config, options);
  try {
    return new HybridRetriever(await openDense(config, options), bm25, config);
  } catch (error) {
    await bm25.close();
    throw error;
  }
}

/** Puts the reranker before a retriever, where one is set; it is loaded first, because what is missing shows at once. */
async function openReranked(
  { reranker: name, rerankDepth }: Pick<RetrieverConfigOf<"dense">, "reranker" | "rerankDepth">,
  open: () => Promise<Retriever>,
): Promise<Retriever> {
  if (name === null) return open();
  const reranker = await Reranker.load(name);
  try {
    return new RerankingRetriever(await open(), reranker, rerankDepth);
  } catch (error) {
    await reranker.close();
    throw error;
  }
}

/** The settings of a dense retriever, of a kind `dense` or of the dense side of a hybrid. */
export function pickDenseSettings({ encoder, variant, index, nprobe, efSearch }: DenseSettings) {
  return { encoder, variant, index, nprobe, efSearch };
}
