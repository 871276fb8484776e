import type { Text } from "@/app/_i18n/format-text";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";

/** A retriever in a few words: the settings that tell it from another one. */
export function formatRetriever(t: Text, config: RetrieverConfig): string {
  switch (config.kind) {
    case "dense":
      return [
        `${config.encoder} ${config.variant}`,
        config.index === "auto" ? null : config.index,
        formatReranker(t, config.reranker),
      ]
        .filter(Boolean)
        .join(", ");
    case "bm25":
      return [
        `BM25 k1 ${config.k1}, b ${config.b}`,
        config.operators ? t("operators") : null,
        formatReranker(t, config.reranker),
      ]
        .filter(Boolean)
        .join(", ");
    case "hybrid":
      return [
        t("hybrid {fusion}", { fusion: config.fusion }),
        `${config.encoder} ${config.variant} + BM25`,
        formatReranker(t, config.reranker),
      ]
        .filter(Boolean)
        .join(", ");
    case "remote":
      return parseHost(config.url);
    case "opensearch":
      return `OpenSearch ${config.index}`;
    case "qdrant":
      return `Qdrant ${config.collection}`;
    case "online":
      return t("{provider} online, snapshot {snapshot}", {
        provider: config.provider,
        snapshot: config.snapshot,
      });
  }
}

const formatReranker = (t: Text, reranker: string | null): string | null =>
  reranker === null ? null : t("reranked by {reranker}", { reranker });

function parseHost(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
