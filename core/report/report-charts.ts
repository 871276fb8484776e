import type { RunKind } from "@/contracts/records/run-state";
import type { MetricName } from "@/core/metrics/metric-table";

/** A chart of a report: its title and the metrics that it draws, the first one in front. */
export interface ReportChart {
  title: string;
  metrics: readonly MetricName[];
}

/** Of other trainers, where they name metrics as verl does. */
const OF_TRAINERS: readonly ReportChart[] = [
  { title: "Reward, training", metrics: ["critic/score/mean", "reward/mean"] },
  { title: "Entropy of the policy", metrics: ["actor/entropy_loss"] },
  { title: "KL to the reference", metrics: ["actor/kl_loss", "critic/kl"] },
  { title: "Action tokens an episode", metrics: ["response_length/mean"] },
  { title: "Seconds a step", metrics: ["timing_s/step"] },
];

const CHARTS: Readonly<Record<RunKind, readonly ReportChart[]>> = {
  train: [
    { title: "Held-out accuracy", metrics: ["held-out/accuracy", "held-out/rag_accuracy"] },
    { title: "Reward, training", metrics: ["reward/mean"] },
    {
      title: "Unread replies of the judge",
      metrics: ["held-out/unread_replies", "reward/unread_replies"],
    },
    {
      title: "Gold documents, held-out",
      metrics: ["held-out/gold_selected", "held-out/gold_retrieved"],
    },
    { title: "Groups without variance", metrics: ["groups/without_variance"] },
    { title: "Entropy of the policy", metrics: ["actor/entropy_loss"] },
    { title: "KL to the reference", metrics: ["actor/kl_loss", "critic/kl"] },
    { title: "Action tokens an episode", metrics: ["response_length/mean"] },
    { title: "Seconds a step", metrics: ["timing_s/step"] },
  ],
  predict: [{ title: "Running accuracy", metrics: ["predict/accuracy"] }],
  evaluate: [],
  index: [],
  external: OF_TRAINERS,
  command: OF_TRAINERS,
  serve: [{ title: "Requests a second", metrics: ["serve/requests_per_second"] }],
};

export const listReportCharts = (kind: RunKind): readonly ReportChart[] => CHARTS[kind];

/** Metrics that a report of such a run draws. */
export const listReportMetrics = (kind: RunKind): MetricName[] =>
  CHARTS[kind].flatMap(({ metrics }) => metrics);
