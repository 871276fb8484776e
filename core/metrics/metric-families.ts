import { number, share, type MetricDefinition } from "./metric-definition";

/** Prefixes of metrics whose last part is known at run time only: a question set, a turn, a kind of format error, a rank. */
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
  "engine/rank_utilisation/": share(
    "Share of its time in which this rank computed, instead of communicating or waiting for slower ones",
    "higher",
  ),
} as const satisfies Record<string, MetricDefinition>;
