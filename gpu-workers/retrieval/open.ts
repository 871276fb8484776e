import { join } from "node:path";
import type { RetrieverConfig } from "@/contracts/config/retriever";
import { AppError } from "@/contracts/errors";
import { OpenSearchRetriever } from "./opensearch";
import { QdrantRetriever } from "./qdrant";
import { RemoteRetriever } from "./remote";
import { openRetriever, type Retriever, type RetrieverProgress } from "./retriever";

export interface OpenOptions {
  /** JSONL file of the corpus (gpu-workers/agent/corpora.ts), asked for only by the kinds that search it themselves. */
  corpusPath: () => string;
  /** The worker's data folder; indexes are kept below it. */
  dataDir: string;
  signal?: AbortSignal;
  onProgress?: (progress: RetrieverProgress) => void;
}

/** Opens any kind of retriever; an index that is missing is built first. The one place that knows all kinds. */
export async function openAnyRetriever(config: RetrieverConfig, { corpusPath, dataDir, signal, onProgress }: OpenOptions): Promise<Retriever> {
  switch (config.kind) {
    case "dense":
      return openRetriever({ corpusPath: corpusPath(), encoder: config.encoder, variant: config.variant, indexDir: join(dataDir, "indexes"), signal }, onProgress);
    case "remote":
      return RemoteRetriever.open(config.url, { signal });
    case "opensearch":
      return OpenSearchRetriever.open(config, { signal });
    case "qdrant":
      return QdrantRetriever.open(config, { signal });
    default:
      throw new AppError("unsupported", `A ${config.kind} retriever cannot be opened here.`);
  }
}
