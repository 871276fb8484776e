/** "full-support@10" as a heading; the rest is written as it is. */
export function formatMetricLabel(key: string): string {
  if (key === "mrr") return "MRR";
  const [name = key, k] = key.split("@");
  const label =
    { recall: "Recall", "full-support": "Full support", ndcg: "nDCG", precision: "Precision" }[
      name
    ] ?? name;
  return k === undefined ? label : `${label} @${k}`;
}

/** The colour of the i-th run, on every table and plot of a comparison. */
export const getRunColour = (index: number): string => `var(--series-${(index % 6) + 1})`;
