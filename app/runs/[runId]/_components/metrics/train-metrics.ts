import { listMetrics } from "@/app/_charts/prepare/chart-definition";
import { TRAIN_CHARTS } from "@/app/_charts/definitions/train-charts";
import { TRACK_METRICS } from "@/app/_charts/prepare/x-axis";
import { getHeadlineMetric, getMetricWithRole } from "@/core/metrics/metrics";
import { SPENT_METRICS } from "./compute-spent";

/** Which metrics a run's page reads. Apart from the components, as the server too says which: the page asks for them at once. */

/** What a held-out evaluation measures, and what that is compared with. */
export const EVALUATION_METRIC = getMetricWithRole("outcome", "train");
export const REFERENCE_METRIC = getMetricWithRole("reference", "train");
export const HEADLINE_METRIC = getHeadlineMetric("train");

/** What `useRunCharts` reads of a run beside the charts' own metrics. */
export const RUN_CHART_METRICS = [...TRACK_METRICS, EVALUATION_METRIC, "timing_s/step"] as const;

/** What the overview of a training run shows. */
export const TRAIN_METRICS: readonly string[] = [
  ...new Set<string>([
    ...listMetrics(TRAIN_CHARTS),
    HEADLINE_METRIC,
    REFERENCE_METRIC,
    "held-out/gbr",
    ...RUN_CHART_METRICS,
    ...SPENT_METRICS,
  ]),
];
