import type { MetricName } from "./metric-table";

/** A part of all questions, by who answers them: the searcher alone, naive RAG alone, both, neither. */
type Quadrant = "bothRight" | "gained" | "lost" | "bothWrong";
export type QuadrantMetrics = Readonly<Record<Quadrant, MetricName>>;

/** Metrics of the quadrants in training, in the order in which charts stack them. */
export const TRAINING_QUADRANTS = {
  bothRight: "reward/utility_0_gen_1",
  gained: "reward/utility_1_gen_1",
  lost: "reward/utility_-1_gen_0",
  bothWrong: "reward/utility_0_gen_0",
} as const satisfies QuadrantMetrics;

/** The same of held-out questions. */
export const HELD_OUT_QUADRANTS = {
  bothRight: "held-out/both_right",
  gained: "held-out/gained",
  lost: "held-out/lost",
  bothWrong: "held-out/both_wrong",
} as const satisfies QuadrantMetrics;
