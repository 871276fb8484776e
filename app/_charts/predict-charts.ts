import { COLOUR, type ChartGroup } from "./definitions";

/** The course of a prediction. */
export const PREDICT_CHARTS: readonly ChartGroup[] = [
  {
    title: "Progress",
    charts: [
      {
        id: "predict-accuracy",
        title: "Running accuracy",
        explanation: "Share of the answered questions whose answer is right, so far.",
        kind: "lines",
        scale: "share",
        unit: "share",
        ownAxis: "question",
        wide: true,
        series: [{ metric: "predict/accuracy", label: "Accuracy", colour: COLOUR.s3 }],
      },
      {
        id: "predict-answered",
        title: "Questions answered",
        explanation: "How many questions have their episode, answer and score stored.",
        kind: "lines",
        scale: "positive",
        unit: "count",
        ownAxis: "question",
        series: [{ metric: "progress/answered", label: "Answered", colour: COLOUR.s3 }],
      },
    ],
  },
];
