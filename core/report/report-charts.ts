import type { RunKind } from "@/contracts/records/run-state";
import type { MetricName } from "@/core/metrics/metric-table";
import { getHeadlineMetric, getMetricWithRole } from "@/core/metrics/metrics";
import { markText } from "@/core/texts/format-text";

/** A chart of a report: its title, in English, and the metrics that it draws, the first one in front. */
export interface ReportChart {
  title: string;
  metrics: readonly MetricName[];
}

/** What a training run is judged by, and naive RAG beside it. */
const REWARD = getHeadlineMetric("train");
const OUTCOME = [getMetricWithRole("outcome", "train"), getMetricWithRole("reference", "train")];

/** Of other trainers, where they name metrics as verl does. */
const OF_TRAINERS: readonly ReportChart[] = [
  { title: markText("Reward, training"), metrics: ["critic/score/mean", REWARD] },
  { title: markText("Entropy of the policy"), metrics: ["actor/entropy_loss"] },
  { title: markText("KL to the reference"), metrics: ["actor/kl_loss", "critic/kl"] },
  { title: markText("Action tokens an episode"), metrics: ["response_length/mean"] },
  { title: markText("Seconds a step"), metrics: ["timing_s/step"] },
];

const CHARTS: Readonly<Record<RunKind, readonly ReportChart[]>> = {
  train: [
    { title: markText("Held-out accuracy"), metrics: OUTCOME },
    { title: markText("Reward, training"), metrics: [REWARD] },
    {
      title: markText("Unread replies of the judge"),
      metrics: ["held-out/unread_replies", "reward/unread_replies"],
    },
    {
      title: markText("Gold documents, held-out"),
      metrics: ["held-out/gold_selected", "held-out/gold_retrieved"],
    },
    { title: markText("Groups without variance"), metrics: ["groups/without_variance"] },
    { title: markText("Entropy of the policy"), metrics: ["actor/entropy_loss"] },
    { title: markText("KL to the reference"), metrics: ["actor/kl_loss", "critic/kl"] },
    { title: markText("Action tokens an episode"), metrics: ["response_length/mean"] },
    { title: markText("Seconds a step"), metrics: ["timing_s/step"] },
  ],
  predict: [{ title: markText("Running accuracy"), metrics: [getHeadlineMetric("predict")] }],
  evaluate: [],
  index: [],
  external: OF_TRAINERS,
  command: OF_TRAINERS,
  serve: [{ title: markText("Requests a second"), metrics: ["serve/requests_per_second"] }],
};

export const listReportCharts = (kind: RunKind): readonly ReportChart[] => CHARTS[kind];

/** Metrics that a report of such a run draws. */
export const listReportMetrics = (kind: RunKind): MetricName[] =>
  CHARTS[kind].flatMap(({ metrics }) => metrics);
