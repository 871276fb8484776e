import { join } from "node:path";
import type { RetrieverConfig } from "@/contracts/config/retriever";
import { AppError } from "@/contracts/errors";
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
      return new RemoteRetriever(config.url);
    default:
      throw new AppError("unsupported", `A ${config.kind} retriever cannot be opened here.`);
  }
}
