import { COLOUR, explain, type ChartGroup } from "./definitions";

/** Charts of a prediction while it runs. */
export const PREDICT_CHARTS: readonly ChartGroup[] = [
  {
    title: "Progress",
    charts: [
      {
        id: "predict-accuracy",
        ...explain("running-accuracy"),
        kind: "lines",
        scale: "share",
        unit: "share",
        ownAxis: "question",
        wide: true,
        series: [{ metric: "predict/accuracy", label: "Accuracy", colour: COLOUR.s3 }],
      },
      {
        id: "predict-answered",
        ...explain("questions-answered"),
        kind: "lines",
        scale: "positive",
        unit: "count",
        ownAxis: "question",
        series: [{ metric: "progress/answered", label: "Answered", colour: COLOUR.s3 }],
      },
    ],
  },
];
