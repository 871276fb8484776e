import { join } from "node:path";
import type { RetrieverConfig, RetrieverConfigOfKind } from "@/contracts/run-config/retriever";
import { type Bm25Settings, buildNewestBm25Index, openBm25Retriever } from "./bm25";
import { findEncoder } from "@/gpu-workers/retrieval/encoders/encoder-settings";
import { HybridRetriever } from "./hybrid";
import { OnlineRetriever } from "./online/online";
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
  /** Finds the JSONL file of the corpus (corpora/installed-corpora.ts); called only by the kinds that read it. */
  corpusPath: () => string;
  /** The worker's data folder; indexes are kept below it. */
  dataDir: string;
  signal?: AbortSignal;
  onProgress?: (progress: RetrieverProgress) => void;
}

/** Opens a retriever of any kind; a missing index is built first. */
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
    case "online":
      return OnlineRetriever.open(config, options.dataDir);
  }
}

/**
 * Checks that the models that a retriever needs are installed, before hours of import and download.
 *
 * @throws AppError `not-found` with how to install them
 */
export async function requireModels(config: RetrieverConfig): Promise<void> {
  if ("encoder" in config) await findEncoder(config.encoder, config.variant);
  if ("reranker" in config && config.reranker !== null) await findReranker(config.reranker);
}

/** Builds what an index run adds to indexes that go on serving: that of the newest BM25 analysis. */
export async function buildNewestIndex(
  config: RetrieverConfig,
  { corpusPath, dataDir, signal, onProgress }: OpenRetrieverOptions,
): Promise<void> {
  if (!("k1" in config)) return;
  const indexDir = join(dataDir, "indexes");
  await buildNewestBm25Index({ corpusPath: corpusPath(), indexDir, signal, onProgress });
}

type DenseSettings = Pick<
  RetrieverConfigOfKind<"dense">,
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

/** Opens one side after the other: each builds its index with all cores, and progress is that of one build. */
async function openHybrid(
  config: RetrieverConfigOfKind<"hybrid">,
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

/** Opens a retriever with its reranker, where one is set. The reranker is loaded first: a missing one shows at once. */
async function openReranked(
  { reranker: name, rerankDepth }: Pick<RetrieverConfigOfKind<"dense">, "reranker" | "rerankDepth">,
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

/** Picks the settings of a dense retriever from those of the kind `dense` or `hybrid`. */
function pickDenseSettings({ encoder, variant, index, nprobe, efSearch }: DenseSettings) {
  return { encoder, variant, index, nprobe, efSearch };
}
