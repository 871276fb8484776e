import { defineLines, defineSeries, type ChartGroup } from "./definitions";

/** Charts of a prediction while it runs. */
export const PREDICT_CHARTS: readonly ChartGroup[] = [
  {
    title: "Progress",
    charts: [
      defineLines(
        "predict-accuracy",
        "running-accuracy",
        "share",
        [defineSeries("predict/accuracy", "Accuracy")],
        { ownAxis: "question", wide: true },
      ),
      defineLines(
        "predict-answered",
        "questions-answered",
        "positive",
        [defineSeries("progress/answered", "Answered")],
        { ownAxis: "question", unit: "count" },
      ),
    ],
  },
];
