import { markText } from "@/app/_i18n/format-text";
import { retrieverSchema, type RetrieverConfig } from "@/contracts/run-config/retriever";

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
