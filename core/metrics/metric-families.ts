import { number, share, type MetricDefinition } from "./metric-definition";

/** Prefixes of metrics whose last part is known at run time only: a question set, a turn, a kind of format error. */
export const METRIC_FAMILIES = {
  "val/test_score/": share(
    "Generation accuracy on this set of held-out questions, greedy",
    "higher",
  ),
  "search/gold_recall/turn_": share(
    "Share of gold documents in the windows up to this turn",
    "higher",
  ),
  "held-out/gold_recall/turn_": share(
    "Share of gold documents in the windows up to this turn, held-out",
    "higher",
  ),
  "search/format_errors/": number("Format errors of this kind per episode", "lower", "health"),
} as const satisfies Record<string, MetricDefinition>;
