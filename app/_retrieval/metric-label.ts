import { markText, type Text } from "@/app/_i18n/format-text";
import type { GlossaryTerm } from "@/core/glossary/term-titles";

const NAMES: Readonly<Record<string, string>> = {
  recall: markText("Recall"),
  "full-support": markText("Full support"),
  ndcg: "nDCG",
  precision: markText("Precision"),
  mrr: "MRR",
};
const MEANINGS: Readonly<Record<string, string>> = {
  recall: markText("Share of the gold documents among the first {k}."),
  "full-support": markText(
    "Share of questions that have all their gold documents among the first {k}.",
  ),
  ndcg: markText("Normalised discounted cumulated gain of the first {k}, binary gains."),
  precision: markText("Share of gold documents among the first {k}."),
  mrr: markText("Mean of 1 / rank of the first gold document."),
};

/** "full-support@10" as a heading; a name that is not known is written as it is. */
export function formatMetricLabel(t: Text, key: string): string {
  const [name = key, k] = key.split("@");
  const label = t(NAMES[name] ?? name);
  return k === undefined ? label : `${label} @${k}`;
}

/** What a metric measures, in a sentence; the server's where the metric is not known here. */
export function explainMetric(t: Text, { key, meaning }: { key: string; meaning: string }): string {
  const [name = key, k = ""] = key.split("@");
  const known = MEANINGS[name];
  return known === undefined ? meaning : t(known, { k });
}

const TERMS: ReadonlySet<string> = new Set<GlossaryTerm>([
  "recall",
  "full-support",
  "ndcg",
  "precision",
  "mrr",
]);

/** Term of the glossary that a metric is; null for one that is not known here. */
export function findMetricTerm(key: string): GlossaryTerm | null {
  const [name = key] = key.split("@");
  return TERMS.has(name) ? (name as GlossaryTerm) : null;
}

/** The colour of the i-th run, on every table and plot of a comparison. */
export const getRunColour = (index: number): string => `var(--series-${(index % 6) + 1})`;
