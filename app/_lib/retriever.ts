import { markText, type Text } from "@/app/_i18n/format-text";
import {
  retrieverSchema as retrieverSchema,
  type RetrieverConfig,
} from "@/contracts/run-config/retriever";

/** Retrievers that the playground offers ready-made; the labels are shown by `t(label)`. */
export const RETRIEVER_PRESETS: readonly { label: string; config: RetrieverConfig }[] = [
  { label: markText("Dense, fp32"), config: retrieverSchema.parse({ kind: "dense" }) },
  {
    label: markText("Dense, int8"),
    config: retrieverSchema.parse({ kind: "dense", variant: "int8" }),
  },
  { label: markText("BM25"), config: retrieverSchema.parse({ kind: "bm25" }) },
  { label: markText("Hybrid"), config: retrieverSchema.parse({ kind: "hybrid" }) },
];

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
