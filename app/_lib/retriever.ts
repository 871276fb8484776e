import {
  retrieverSchema as retrieverSchema,
  type RetrieverConfig,
} from "@/contracts/run-config/retriever";

/** Retrievers that the playground offers ready-made. */
export const RETRIEVER_PRESETS: readonly { label: string; config: RetrieverConfig }[] = [
  { label: "Dense, fp32", config: retrieverSchema.parse({ kind: "dense" }) },
  { label: "Dense, int8", config: retrieverSchema.parse({ kind: "dense", variant: "int8" }) },
  { label: "BM25", config: retrieverSchema.parse({ kind: "bm25" }) },
  { label: "Hybrid", config: retrieverSchema.parse({ kind: "hybrid" }) },
];

/** A retriever in a few words: the settings that tell it from another one. */
export function formatRetriever(config: RetrieverConfig): string {
  switch (config.kind) {
    case "dense":
      return [
        `${config.encoder} ${config.variant}`,
        config.index === "auto" ? null : config.index,
        formatReranker(config.reranker),
      ]
        .filter(Boolean)
        .join(", ");
    case "bm25":
      return [
        `BM25 k1 ${config.k1}, b ${config.b}`,
        config.operators ? "operators" : null,
        formatReranker(config.reranker),
      ]
        .filter(Boolean)
        .join(", ");
    case "hybrid":
      return [
        `hybrid ${config.fusion}`,
        `${config.encoder} ${config.variant} + BM25`,
        formatReranker(config.reranker),
      ]
        .filter(Boolean)
        .join(", ");
    case "remote":
      return parseHost(config.url);
    case "opensearch":
      return `OpenSearch ${config.index}`;
    case "qdrant":
      return `Qdrant ${config.collection}`;
  }
}

const formatReranker = (reranker: string | null): string | null =>
  reranker === null ? null : `reranked by ${reranker}`;

function parseHost(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/** The settings that differ from those of the retriever's kind: short enough for an address. */
export function compactRetriever(config: RetrieverConfig): Record<string, unknown> {
  const { kind } = config;
  // A kind with settings that must be given has no defaults to compare with.
  const defaults = retrieverSchema.safeParse({ kind });
  const plain: Record<string, unknown> = defaults.success ? { ...defaults.data } : {};
  return {
    kind,
    ...Object.fromEntries(
      Object.entries(config).filter(([key, value]) => key !== "kind" && value !== plain[key]),
    ),
  };
}
