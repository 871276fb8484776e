import { markText } from "@/app/_i18n/format-text";
import { getHeadlineMetric } from "@/core/metrics/metrics";
import { defineLines, defineSeries } from "./definitions";
import type { ChartGroup } from "@/app/_charts/prepare/chart-definition";

/** Charts of a prediction while it runs. */
export const PREDICT_CHARTS: readonly ChartGroup[] = [
  {
    title: markText("Progress"),
    charts: [
      defineLines(
        "predict-accuracy",
        "running-accuracy",
        "share",
        [defineSeries(getHeadlineMetric("predict"), markText("Accuracy"))],
        { ownAxis: "question", wide: true },
      ),
      defineLines(
        "predict-answered",
        "questions-answered",
        "positive",
        [defineSeries("progress/answered", markText("Answered"))],
        { ownAxis: "question", unit: "count" },
      ),
    ],
  },
];
