import { COLOUR, explain, type ChartGroup } from "./definitions";

/** Charts of a served retriever. */
export const SERVE_CHARTS: readonly ChartGroup[] = [
  {
    title: "Service",
    charts: [
      {
        id: "serve-latency",
        ...explain("service-latency"),
        kind: "lines",
        scale: "positive",
        unit: "number",
        ownAxis: "second",
        series: [
          { metric: "serve/latency_ms_p50", label: "Median", colour: "var(--series-1)" },
          { metric: "serve/latency_ms_p99", label: "99th percentile", colour: "var(--series-2)" },
        ],
      },
      {
        id: "serve-load",
        ...explain("retriever-load"),
        kind: "lines",
        scale: "positive",
        unit: "number",
        ownAxis: "second",
        series: [
          { metric: "serve/requests_per_second", label: "Requests/s", colour: "var(--series-1)" },
          { metric: "serve/queries_per_second", label: "Queries/s", colour: "var(--series-6)" },
          { metric: "serve/waiting", label: "Waiting", colour: "var(--series-5)" },
        ],
      },
      {
        id: "serve-health",
        ...explain("service-health"),
        kind: "lines",
        scale: "positive",
        unit: "count",
        ownAxis: "second",
        series: [
          { metric: "serve/refused", label: "Refused", colour: "var(--series-5)" },
          { metric: "serve/errors", label: "Errors", colour: "var(--series-2)" },
        ],
      },
      {
        id: "serve-memory",
        ...explain("service-memory"),
        kind: "lines",
        scale: "positive",
        unit: "count",
        ownAxis: "second",
        series: [{ metric: "serve/memory_mb", label: "MiB", colour: COLOUR.s3 }],
      },
    ],
  },
];

/** Charts of a served model: those of a retriever, with tokens instead of queries. */
export const SERVE_MODEL_CHARTS: readonly ChartGroup[] = SERVE_CHARTS.map((group) => ({
  ...group,
  charts: group.charts.map((chart) =>
    chart.id !== "serve-load"
      ? chart
      : {
          ...chart,
          ...explain("model-load"),
          series: [
            { metric: "serve/requests_per_second", label: "Requests/s", colour: "var(--series-1)" },
            {
              metric: "serve/prompt_tokens_per_second",
              label: "Prompt tokens/s",
              colour: "var(--series-6)",
            },
            {
              metric: "serve/completion_tokens_per_second",
              label: "Written tokens/s",
              colour: "var(--series-3)",
            },
            { metric: "serve/waiting", label: "Waiting", colour: "var(--series-5)" },
          ],
        },
  ),
}));
